"""A process that exits 5 times in 60 s is scaled to 0 and shown as crashed, until a deploy or a restart."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from apps.applications.models import Process
from apps.deploys.ends import nudge
from apps.deploys.models import Deploy
from apps.deploys.spec import seen
from apps.instances.models import Instance, Node
from apps.routes.actions import next_generation
from minato.drivers.wiring import drivers
from minato.errors import PlatformError
from minato.schedule.ready import CRASH_WINDOW, ENDED, SLOTTED, Seen, crashed
from minato.values.ids import service_name

log = logging.getLogger(__name__)
TAIL = 20


def crashes() -> None:
    """Look at the live deploys of which something has exited lately."""
    since = timezone.now() - CRASH_WINDOW
    exits = Instance.objects.filter(state__in=ENDED, finished_at__gte=since)
    for app_id, number in set(exits.values_list("app_id", "deploy")):
        deploy = Deploy.objects.filter(app_id=app_id, number=number, state="live").select_related("app").first()
        if deploy is not None and deploy.app.deleted_at is None:
            _look(deploy)


def _look(deploy: Deploy) -> None:
    instances = seen(deploy)
    for process in deploy.app.processes.filter(crashed_at__isnull=True, quantity__gt=0):
        mine = [one for one in instances if one.process == process.type]
        last = crashed(mine, now=timezone.now(), engine_started=_engine_started(deploy))
        if last is not None:
            _stop(deploy, process, last)


def _engine_started(deploy: Deploy) -> datetime | None:
    """Return the last start of an engine, if it was after this deploy: what ended then may not be the app's doing."""
    started: datetime | None = Node.objects.aggregate(Max("engine_started_at"))["engine_started_at__max"]
    return started if started and deploy.live_at and started > deploy.live_at else None


def _stop(deploy: Deploy, process: Process, last: Seen) -> None:
    lines = _last_lines(deploy, last)
    with transaction.atomic():
        marked = Process.objects.filter(pk=process.pk, crashed_at__isnull=True).update(
            crashed_at=Now(), crash_exit_code=last.exit_code, crash_lines=lines
        )
        if not marked:
            return
        if process.type == SLOTTED:
            next_generation(reason=f"{deploy.app.uid} web has crashed")
    log.warning("%s: %s exits again and again with %s: stopped", deploy.uid, process.uid, last.exit_code)
    nudge("node")
    nudge(f"observed:{deploy.app.uid}")
    name = service_name(ns=settings.MINATO.ns, app=deploy.app.uid, process=process.uid, deploy=deploy.number)
    drivers(settings.MINATO).engine.scale(name, 0)


def _last_lines(deploy: Deploy, last: Seen) -> list[str]:
    """Return what the process said last: from the engine, or from the store when the engine has forgotten it."""
    outside = drivers(settings.MINATO)
    try:
        return outside.engine.output(last.container, tail=TAIL)
    except PlatformError:
        log.info("%s: the engine has forgotten %s", deploy.uid, last.container[:12])
    try:
        return [line.text for line in outside.telemetry.lines(deploy.app.uid, process=last.process, limit=TAIL)]
    except PlatformError:
        return []
