"""Celery's doors: one id as argument, early acknowledgement; a lost message is sent again by the reconciler."""

from __future__ import annotations

from celery import shared_task

from apps.deploys import building, pipeline


@shared_task(name="deploys.run_deploy", time_limit=3600)
def run_deploy(deploy_pk: int, **_: object) -> None:
    pipeline.run_deploy(deploy_pk)


@shared_task(name="deploys.run_build", time_limit=3600)
def run_build(build_pk: int, **_: object) -> None:
    building.run_build(build_pk)
