"""No state for ever: what a row's deadline does when its worker did not (ARCHITECTURE, table of deadlines)."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.builds.models import Build
from apps.deploys.building import too_long
from apps.deploys.ends import fail
from apps.deploys.hold import Hold, read, seize
from apps.deploys.models import Deploy
from apps.deploys.reconcile.leases import end
from apps.deploys.steps.cancel import INCIDENT, cancel
from apps.deploys.steps.start import not_ready
from minato.drivers.wiring import drivers
from minato.errors import Cancelled, LostLease, MinatoError, PlatformError

log = logging.getLogger(__name__)
GRACE = timedelta(seconds=1)  # for a holder that is just about to act: it knows the reason better


def deploys() -> None:
    """Fail each deploy that has been in its state for too long."""
    overdue = Q(deadline__lte=Now() - GRACE) | Q(deadline__lte=Now(), lease_until__isnull=True)
    for pk in list(Deploy.objects.unfinished().filter(overdue).exclude(code=INCIDENT).values_list("pk", flat=True)):
        hold = seize(read(pk))
        if hold is not None:
            _overdue(hold)


def _overdue(hold: Hold) -> None:
    try:
        if hold.deploy.state == "cancelling":
            cancel(hold)
            hold.let_go()
        else:
            fail(hold, _error(hold))
    except LostLease:
        log.info("%s: somebody was faster", hold.deploy.uid)


def _error(hold: Hold) -> MinatoError:
    state = hold.deploy.state
    if state == "starting":
        return not_ready(hold)
    if state in ("queued", "building"):
        return no_builder()
    return PlatformError(
        code=f"{state}:platform:deadline",
        message=_("%(state)s took too long") % {"state": state},
        hint=_("The old release goes on serving. Push again, or ask an operator."),
    )


def no_builder() -> PlatformError:
    return PlatformError(
        code="deploy:platform:no-builder",
        message=_("no worker was free in time"),
        hint=_("Push again; an operator sees why the queue does not move."),
    )


def builds() -> None:
    """End each build that ran too long or was never begun, and those whose deploy is over."""
    overdue = Build.objects.filter(deadline__lte=Now() - GRACE, state__in=("queued", "running"))
    for row in overdue.select_related("app"):
        if end(row, no_builder() if row.state == "queued" else too_long(settings.MINATO.times.build)):
            _remove_containers(row)
    for row in Build.objects.filter(state="queued", cancel=True).select_related("app"):
        end(row, Cancelled())


def _remove_containers(row: Build) -> None:
    engine = drivers(settings.MINATO).engine
    engine.remove_labelled({"minato.ns": settings.MINATO.ns, "minato.build": row.uid})
