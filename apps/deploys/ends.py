"""How a deploy ends: live, failed, cancelled, retired. State and effects in one transaction, clean-up after it."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.applications.models import App, Process
from apps.builds.models import Build
from apps.deploys import kick
from apps.deploys.hold import Hold, after, read
from apps.deploys.models import Deploy
from apps.deploys.snapshot import restore_config
from apps.deploys.spec import formation_of, labels_of, release_of
from apps.monitoring.models import Probe
from apps.releases.models import Release
from apps.routes.actions import next_generation
from apps.routes.models import Slot
from minato.drivers.wiring import drivers
from minato.errors import MinatoError, PlatformError
from minato.schedule.ready import SLOTTED

log = logging.getLogger(__name__)
FREE: dict[str, Any] = {"lease_until": None, "owner": "", "finished": Now()}


# -- well -------------------------------------------------------------------------------------------------------------
def live(hold: Hold) -> Deploy | None:
    """Make this deploy the live one, and return the one that drains from now on."""
    deploy = hold.deploy
    with transaction.atomic():
        before = _drain_live(deploy.app)
        hold.move("live", **FREE, live_at=Now())
        release = release_of(deploy)
        Release.objects.filter(app=deploy.app, state="live").exclude(pk=release.pk).update(state="retired")
        Release.objects.filter(pk=release.pk).update(state="live")
        _settle_processes(hold.deploy)
        if deploy.kind == "rollback":
            restore_config(deploy.app, release)
        next_generation(reason=f"{deploy.app.uid} {deploy} is live")
        kick.next_of(deploy.app_id)
    nudge("node")
    return before


def grown(hold: Hold) -> None:
    """End a scale-up: the live deploy's own services have more replicas, no service of this deploy ever was."""
    deploy = hold.deploy
    with transaction.atomic():
        hold.move("done", **FREE, live_at=Now())
        of = Deploy.objects.get(app=deploy.app, state="live")
        progress = {**of.progress, "formation": deploy.progress["formation"]}
        Deploy.objects.filter(pk=of.pk, state="live").update(progress=progress)
        _settle_processes(hold.deploy)
        kick.next_of(deploy.app_id)


def _drain_live(app: App) -> Deploy | None:
    before = Deploy.objects.filter(app=app, state="live").first()
    if before is None:
        return None
    deadline = after(settings.MINATO.times.drain)
    Deploy.objects.filter(pk=before.pk, state="live").update(state="draining", state_since=Now(), deadline=deadline)
    Slot.objects.filter(deploy=before).update(draining_since=Now())
    return before


def _settle_processes(deploy: Deploy) -> None:
    """The rows say what runs now: quantities, sizes, no crash; types that have gone from the image go."""
    formation = formation_of(deploy)
    commands = release_of(deploy).processes
    for one in formation:
        Process.objects.filter(app=deploy.app, type=one.type).update(
            quantity=one.quantity,
            size=one.size,
            command=commands.get(one.type, ""),
            crashed_at=None,
            crash_exit_code=None,
            crash_lines=[],
        )
    Process.objects.filter(app=deploy.app).exclude(type__in=[one.type for one in formation]).delete()


# -- badly ------------------------------------------------------------------------------------------------------------
def fail(hold: Hold, error: MinatoError) -> None:
    """End a deploy as failed: the old state serves, what was started goes."""
    reason = {
        "code": error.code[:60],
        "message": error.message,
        "hint": error.hint,
        "evidence": error.evidence,
    }
    _undo(hold, "failed", **reason)
    title = _("Push rejected, ") if hold.deploy.kind in ("push", "upload") else _("Deploy failed: ")
    hold.voice.error(title, error)
    _finish(hold, "failed", error.code, error.message)


def cancelled(hold: Hold) -> None:
    """End a deploy as cancelled: only after its containers and services are seen to be gone."""
    message = read(hold.deploy.pk).message or _("cancelled")  # the cancel act wrote who it was
    _undo(hold, "cancelled", code="deploy:user:cancelled", message=message)
    hold.voice.warn(message[0].upper() + message[1:])
    _finish(hold, "cancelled", "deploy:user:cancelled", message)


def _undo(hold: Hold, state: str, **reason: Any) -> None:
    deploy = hold.deploy
    with transaction.atomic():
        hold.move(state, heed_cancel=False, **FREE, **reason)
        if deploy.release_id:
            Release.objects.filter(pk=deploy.release_id, state="pending").update(state="failed")
        if deploy.build_id:
            Build.objects.filter(pk=deploy.build_id, state__in=("queued", "running")).update(cancel=True)
        give_back(deploy)
        kick.next_of(deploy.app_id)
    nudge("node")


def give_back(deploy: Deploy) -> None:
    """Return the deploy's slot and the app's hosts to what is live. Inside the caller's transaction."""
    gone = Slot.objects.filter(deploy=deploy).delete()[0]
    back = Slot.objects.filter(deploy__app=deploy.app, deploy__state="live", host_held=False).update(host_held=True)
    if gone or back:
        next_generation(reason=f"{deploy.app.uid} {deploy} gives back")


def _finish(hold: Hold, outcome: str, code: str, message: str) -> None:
    try:
        remove_all(hold.deploy)
    except PlatformError as error:
        log.warning("%s: the reconciler will remove what is left: %s", hold.deploy.uid, error)
    hold.voice.end(outcome, code=code, message=message)


# -- removal ----------------------------------------------------------------------------------------------------------
def remove_all(deploy: Deploy) -> None:
    """Remove every service and container of a deploy, and its build's containers."""
    engine = drivers(settings.MINATO).engine
    for service in engine.services(labels_of(deploy)):
        engine.remove(service.name)
    engine.remove_labelled({**labels_of(deploy), "minato.process": "release"})
    if deploy.build is not None and deploy.build.deploys.exclude(pk=deploy.pk).count() == 0:
        engine.remove_labelled({"minato.ns": settings.MINATO.ns, "minato.build": deploy.build.uid})


def anything_left(deploy: Deploy) -> bool:
    """Say whether the engine still has a service, a release phase or a build container of a deploy."""
    engine = drivers(settings.MINATO).engine
    if engine.services(labels_of(deploy)):
        return True
    if engine.instances({**labels_of(deploy), "minato.process": "release"}):
        return True
    of_build = {"minato.ns": settings.MINATO.ns, "minato.build": deploy.build.uid if deploy.build else ""}
    return deploy.build is not None and bool(engine.instances(of_build))


def retire(deploy: Deploy, *, keep_web: bool) -> None:
    """Remove a drained deploy's services; `keep_web` spares the one that may still have open requests."""
    engine = drivers(settings.MINATO).engine
    for service in engine.services(labels_of(deploy)):
        if not (keep_web and service.labels.get("minato.process") == SLOTTED):
            engine.remove(service.name)
    if keep_web:
        return
    with transaction.atomic():
        rows = Deploy.objects.filter(pk=deploy.pk, state="draining")
        if not rows.update(state="retired", state_since=Now(), finished=Now(), lease_until=None):
            return
        Probe.objects.filter(app=deploy.app, deploy=deploy.number).delete()
        if Slot.objects.filter(deploy=deploy).delete()[0]:
            next_generation(reason=f"{deploy.app.uid} {deploy} has drained")
    nudge("node")


def nudge(channel: str) -> None:
    """Tell whoever waits to look again; nobody depends on it."""
    drivers(settings.MINATO).streams.nudge(channel)
