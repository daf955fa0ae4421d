"""What is known of an app's health, from the rows that its nodes' agents keep up to date."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from apps.applications.models import App
from apps.instances.models import Instance, Node
from minato.observe.health import RUNNING, Health, Seen, judge


def health(app: App) -> Health:
    """Return what was last seen of an app, and when; older than 10 s is unknown."""
    processes = list(app.processes.all())
    rows = Instance.objects.filter(app=app, state__in=RUNNING).order_by("process", "ordinal", "deploy")
    return judge(
        released=app.releases.filter(state="live").exists(),
        formation={process.type: process.quantity for process in processes},
        crashed={process.type: process.crash_exit_code for process in processes if process.crashed_at is not None},
        seen=[_seen(row) for row in rows],
        observed_at=_observed_at(app),
        now=timezone.now(),
        stale=settings.MINATO.times.stale,
    )


def _observed_at(app: App) -> datetime | None:
    """Return when one of the app's containers was last reported; without any, when a node with an engine last spoke."""
    of_app = Instance.objects.filter(app=app).aggregate(newest=Max("observed_at"))["newest"]
    of_nodes = Node.objects.filter(engine=True).aggregate(newest=Max("observed_at"))["newest"]
    return max(filter(None, (of_app, of_nodes)), default=None)


def _seen(row: Instance) -> Seen:
    return Seen(
        process=row.process,
        ordinal=row.ordinal,
        state=row.state,
        ready=row.ready,
        check=row.check_status,
        exit_code=row.exit_code,
    )
