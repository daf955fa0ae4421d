"""What is only history goes after a while."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.builds.models import Build
from apps.deploys import voice
from apps.deploys.models import Deploy
from apps.instances.models import Instance
from apps.routes.actions import prune
from minato.drivers.wiring import drivers
from minato.schedule.ready import ENDED

KEYS = timedelta(hours=24)
EXITS = timedelta(minutes=10)


def generations() -> None:
    """Keep the last 50 router generations."""
    prune()


def keys() -> None:
    """Forget idempotency keys after a day."""
    Deploy.objects.filter(idempotency_key__gt="", created__lt=timezone.now() - KEYS).update(idempotency_key="")


def instances() -> None:
    """Forget ended containers once they count as no crash any more."""
    Instance.objects.filter(state__in=ENDED, observed_at__lt=timezone.now() - EXITS).delete()


def spool() -> None:
    """Give the store what it missed: the kept lines of builds and deploys that are over."""
    telemetry = drivers(settings.MINATO).telemetry
    for file in sorted(voice.spool(settings.MINATO).glob("*.jsonl")):
        if _is_over(file.stem) and not voice.ship(file.stem, telemetry=telemetry, config=settings.MINATO):
            return


def _is_over(uid: str) -> bool:
    running = Build.objects.filter(uid=uid, state__in=("queued", "running")).exists()
    return not running and not Deploy.objects.unfinished().filter(uid=uid).exists()
