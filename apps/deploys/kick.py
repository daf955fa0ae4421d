"""Kicks: hints to the workers that a row wants looking at. Lost ones are sent again by the reconciler."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from apps.builds.models import Build
from apps.deploys.models import Deploy

log = logging.getLogger(__name__)
QUICK = {"max_retries": 1, "interval_start": 0.05, "interval_step": 0.05, "interval_max": 0.1}


def deploy(pk: int) -> None:
    """Ask a worker to run this deploy, once the transaction is through."""
    transaction.on_commit(lambda: _kick("deploys.run_deploy", Deploy, pk))


def build(pk: int) -> None:
    """Ask a builder to run this build, once the transaction is through."""
    transaction.on_commit(lambda: _kick("deploys.run_build", Build, pk))


def next_of(app_id: int) -> None:
    """Ask for the app's oldest unfinished deploy, if there is one."""
    pk = Deploy.objects.unfinished().filter(app_id=app_id).order_by("id").values_list("pk", flat=True).first()
    if pk is not None:
        deploy(pk)


def _kick(task: str, model: type[Deploy] | type[Build], pk: int) -> None:
    if send(task, pk):
        model.objects.filter(pk=pk).update(kicked_at=Now())


def send(task: str, pk: int) -> bool:
    """Publish one hint; false when the broker is away."""
    from controlplane.celery import app

    try:
        app.send_task(task, args=[pk], retry=True, retry_policy=QUICK, ignore_result=True)
    except (OperationalError, OSError) as error:
        log.warning("%s(%d) was not kicked: %s", task, pk, error)
        return False
    return True
