"""Celery: messages are hints, rows are the truth (ARCHITECTURE, decision 9)."""

from __future__ import annotations

import os

from celery import Celery
from django.conf import settings

from controlplane.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

app = Celery("minato")
app.conf.update(
    broker_url="memory://" if "streams" in settings.MINATO.fakes else settings.MINATO.broker_url,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 43_200,
        "socket_timeout": 10,
        "socket_connect_timeout": 2,
        "health_check_interval": 5,
        "global_keyprefix": f"{settings.MINATO.ns}:",
    },
    accept_content=["json"],
    task_acks_late=False,
    task_ignore_result=True,
    task_default_queue="default",
    task_routes={"deploys.run_build": {"queue": "build"}, "deploys.run_deploy": {"queue": "deploy"}},
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_soft_shutdown_timeout=5,
    beat_schedule=SCHEDULE,
)
app.autodiscover_tasks(["apps.deploys"])
