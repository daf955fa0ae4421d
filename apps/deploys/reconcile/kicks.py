"""Hints that were lost: rows that could go on and nobody looks at."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from apps.builds.models import Build
from apps.deploys import kick
from apps.deploys.models import Deploy
from apps.deploys.pipeline import run_deploy

AGAIN = timedelta(seconds=5)


def unkicked() -> Q:
    return Q(kicked_at__isnull=True) | Q(kicked_at__lte=Now() - AGAIN)


def deploys() -> None:
    """Kick the deploys that are free and do not wait for a build."""
    waits = Q(state="building", build__state__in=("queued", "running"), cancel=False)
    rows = Deploy.objects.in_turn().free().filter(unkicked()).exclude(waits)
    _kick("deploys.run_deploy", Deploy, list(rows.values_list("pk", flat=True)))


def builds() -> None:
    """Kick the queued builds that a deploy waits for."""
    rows = Build.objects.filter(unkicked(), state="queued", cancel=False, deploys__state="building")
    _kick("deploys.run_build", Build, list(rows.values_list("pk", flat=True)))


def _kick(task: str, model: type[Deploy] | type[Build], keys: list[int]) -> None:
    for pk in keys:
        if not model.objects.filter(unkicked(), pk=pk).update(kicked_at=Now()):
            continue  # another reconciler did
        if not kick.send(task, pk):
            return  # the broker is away: one try per round is enough


def cancelled() -> None:
    """Cancel what nobody holds, here and now: it must work while Redis is down."""
    rows = Deploy.objects.in_turn().free().filter(Q(cancel=True) | Q(state="cancelling"))
    for pk in list(rows.values_list("pk", flat=True)):
        run_deploy(pk)
