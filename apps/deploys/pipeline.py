"""The story of a deploy, told once. Every change of what runs goes this way."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.utils.translation import gettext as _

from apps.deploys.ends import cancelled, fail
from apps.deploys.hold import Hold, claim, heartbeat, read
from apps.deploys.models import Deploy
from apps.deploys.steps.begin import begin
from apps.deploys.steps.build import build
from apps.deploys.steps.cancel import begin_cancel, cancel
from apps.deploys.steps.prove import prove
from apps.deploys.steps.release import release
from apps.deploys.steps.start import start
from apps.deploys.steps.switch import switch
from minato.errors import Cancelled, LostLease, MinatoError, PlatformError

log = logging.getLogger(__name__)

Step = Callable[[Hold], bool]  # true: go on with the next state; false: over, or waiting for a build

STEPS: dict[str, Step] = {
    "queued": begin,
    "building": build,  # builder
    "releasing": release,
    "starting": start,  # schedule
    "switching": switch,  # route
    "proving": prove,  # observe
    "cancelling": cancel,
}
PATIENT = frozenset({"releasing", "starting", "switching", "proving"})  # a failed build has had its own patience


def run_deploy(pk: int) -> None:
    """Claim a deploy and advance it until it is over or waits for its build. Anybody may call this at any time."""
    while True:
        hold = claim(pk)
        if hold is None:
            return
        with heartbeat(Deploy, pk, hold.fence):
            while advance(hold.deploy, hold.fence, hold):
                pass
        hold.let_go()
        if not _goes_on(pk):
            return


def _goes_on(pk: int) -> bool:
    """Say whether something came between the last step and letting go: a finished build, or a cancel."""
    deploy = read(pk)
    if deploy.state not in ("building", "queued"):
        return False
    waits = deploy.build is not None and deploy.build.state in ("queued", "running")
    return deploy.cancel or (deploy.state == "building" and not waits)


def advance(deploy: Deploy, fence: int, hold: Hold | None = None) -> bool:
    """Run the step of the deploy's state; with an old fence nothing is written. True: call again."""
    hold = hold or Hold(deploy=deploy, fence=fence)
    try:
        hold.look()
        return _step(hold)
    except LostLease:
        log.info("%s: another worker has it", deploy.uid)
        return False
    except Cancelled:
        return _ended(hold, cancelled if hold.deploy.state == "queued" else begin_cancel)
    except MinatoError as error:
        return _failed(hold, error)
    except DatabaseError:
        raise  # nothing can be written now: the lease runs out and the reconciler hands the deploy on
    except Exception:
        log.exception("incident: deploy %s in state %s", deploy.uid, hold.deploy.state)
        return _failed(hold, _incident(hold))


def _step(hold: Hold) -> bool:
    """Run the step; while something it needs is away, run it again until the state's deadline: a step is idempotent."""
    try:
        return STEPS[hold.deploy.state](hold)
    except PlatformError as error:
        if hold.late or not error.passes or hold.deploy.state not in PATIENT:
            raise
        hold.wait_for(error)
        return True


def _failed(hold: Hold, error: MinatoError) -> bool:
    if hold.deploy.state == "cancelling":
        log.warning("%s: cancel: %s", hold.deploy.uid, error)
        return False
    _ended(hold, lambda hold: fail(hold, error))
    return False


def _ended(hold: Hold, how: Callable[[Hold], None]) -> bool:
    """Leave the story by another door, unless another worker has the row by now."""
    try:
        how(hold)
    except LostLease:
        log.info("%s: another worker has it", hold.deploy.uid)
        return False
    return True


def _incident(hold: Hold) -> PlatformError:
    return PlatformError(
        code=f"{hold.deploy.state}:platform:incident",
        message=_("the platform failed while %(state)s; this is not your fault") % {"state": hold.deploy.state},
        hint=_("Tell an operator the deploy's id: %(uid)s") % {"uid": hold.deploy.uid},
    )
