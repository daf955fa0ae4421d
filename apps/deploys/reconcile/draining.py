"""Old deploys go when their open requests have been answered, or after 30 s."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from apps.deploys.ends import retire
from apps.deploys.models import Deploy
from apps.monitoring.models import Probe
from apps.routes.models import Slot

SETTLED = timedelta(seconds=2)  # a count of 0 open sessions is believed only when it is of after the switch


def drained() -> None:
    """Remove what has drained; processes without a slot have nothing to drain."""
    for deploy in Deploy.objects.filter(state="draining").select_related("app"):
        retire(deploy, keep_web=not _is_empty(deploy))


def _is_empty(deploy: Deploy) -> bool:
    if timezone.now() >= deploy.deadline or not Slot.objects.filter(deploy=deploy).exists():
        return True
    since = deploy.state_since + SETTLED
    return Probe.objects.filter(app=deploy.app, deploy=deploy.number, sessions=0, observed_at__gte=since).exists()
