"""Celery's doors: one id as argument, early acknowledgement; a lost message is sent again by the reconciler."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command

from apps.deploys import building, pipeline
from apps.deploys.reconcile import reconcile


@shared_task(name="deploys.run_deploy", time_limit=3600)
def run_deploy(deploy_pk: int, **_: object) -> None:
    pipeline.run_deploy(deploy_pk)


@shared_task(name="deploys.run_build", time_limit=3600)
def run_build(build_pk: int, **_: object) -> None:
    building.run_build(build_pk)


@shared_task(name="deploys.reconcile", time_limit=300)
def reconcile_once(**_: object) -> None:
    reconcile()


@shared_task(name="deploys.clear_sessions", time_limit=300)
def clear_sessions(**_: object) -> None:
    call_command("clearsessions")
