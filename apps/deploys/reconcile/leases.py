"""Leases that ran out: a worker died or froze, and another one goes on."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.builds.models import Build
from apps.deploys import kick
from apps.deploys.building import MOST_ATTEMPTS
from apps.deploys.hold import after
from apps.deploys.models import Deploy
from apps.deploys.voice import voice
from minato.drivers.wiring import drivers
from minato.errors import Cancelled, MinatoError, PlatformError

log = logging.getLogger(__name__)


def deploys() -> None:
    """Free each deploy whose holder is gone; a thawed one is refused by the fence."""
    expired = Deploy.objects.unfinished().filter(lease_until__lte=Now())
    for deploy in expired.select_related("app"):
        freed = Deploy.objects.filter(pk=deploy.pk, fence=deploy.fence, lease_until__lte=Now()).update(
            fence=F("fence") + 1, lease_until=None, owner="", kicked_at=None
        )
        if freed:
            log.warning("%s: worker %s is lost, its deploy is handed on", deploy.uid, deploy.owner)
            streams = drivers(settings.MINATO).streams
            said = voice("deploy", deploy.uid, app=deploy.app.uid, fence=deploy.fence + 1, streams=streams)
            said.warn(_("worker lost, another one goes on"))


def builds() -> None:
    """Queue each build again whose builder is gone; after three attempts it has failed."""
    for row in Build.objects.filter(state="running", lease_until__lte=Now()).select_related("app"):
        if row.cancel:
            end(row, Cancelled())
        elif row.attempt >= MOST_ATTEMPTS:
            end(row, _lost(row))
        else:
            _queue_again(row)


def _queue_again(row: Build) -> None:
    deadline = after(settings.MINATO.times.queued)
    with transaction.atomic():
        freed = Build.objects.filter(pk=row.pk, fence=row.fence, state="running").update(
            state="queued", fence=F("fence") + 1, lease_until=None, owner="", kicked_at=None, deadline=deadline
        )
        if freed:
            Deploy.objects.filter(build=row, state="building").update(deadline=deadline)
            log.warning("%s: builder %s is lost, its build is queued again", row.uid, row.owner)


def _lost(row: Build) -> PlatformError:
    return PlatformError(
        code="build:platform:worker-lost",
        message=_("worker lost %(n)d times") % {"n": row.attempt},
        hint=_("The build may need more memory than there is; an operator sees why."),
    )


def end(row: Build, error: MinatoError) -> bool:
    """End a build in its builder's stead: state and effect in one transaction; false when somebody was faster."""
    state = "cancelled" if isinstance(error, Cancelled) else "failed"
    with transaction.atomic():
        ended = Build.objects.filter(pk=row.pk, fence=row.fence, state=row.state).update(
            state=state,
            fence=F("fence") + 1,
            lease_until=None,
            owner="",
            finished=Now(),
            code=error.code[:60],
            message=error.message,
            hint=error.hint,
        )
        if not ended:
            return False
        for pk in Deploy.objects.filter(build=row, state="building").values_list("pk", flat=True):
            kick.deploy(pk)
    streams = drivers(settings.MINATO).streams
    said = voice("build", row.uid, app=row.app.uid, fence=row.fence + 1, streams=streams)
    said.end(state, code=error.code, message=error.message)
    return True
