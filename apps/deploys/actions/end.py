"""The end of a deploy, or of an app."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.access.policy import require
from apps.access.viewer import Viewer
from apps.applications.models import App
from apps.builds.models import Build
from apps.deploys import kick
from apps.deploys.actions.queue import note
from apps.deploys.models import Deploy
from apps.deploys.voice import voice
from apps.routes.actions import next_generation
from minato.drivers.wiring import drivers
from minato.errors import UserError


@transaction.atomic
def cancel(*, deploy: Deploy, viewer: Viewer) -> Deploy:
    """Ask for the end of a deploy. A queued one ends at once, another when what it started is gone."""
    app = deploy.app
    require(viewer, "app.deploy", app.team_id)
    if not _flag(deploy, who=viewer.label):
        raise UserError(
            code="deploy:user:over",
            message=_("%(deploy)s is over: %(state)s.") % {"deploy": deploy, "state": deploy.state},
            hint=_("To go back to an earlier release, roll back."),
        )
    note(app, viewer, "deploy.cancel", {"deploy": deploy.uid})
    deploy.refresh_from_db()
    return deploy


def _flag(deploy: Deploy, *, who: str) -> bool:
    """Mark it and its build; false when it is over."""
    said = _("cancelled by %(who)s") % {"who": who}
    rows = Deploy.objects.filter(pk=deploy.pk)
    waiting = rows.filter(state="queued", lease_until__isnull=True)
    ended = waiting.update(
        state="cancelled", cancel=True, state_since=Now(), finished=Now(), code="deploy:user:cancelled", message=said
    )
    marked = ended or rows.unfinished().update(cancel=True, message=said, kicked_at=None)
    if not marked:
        return False
    if deploy.build_id:
        Build.objects.filter(pk=deploy.build_id, state="running").update(cancel=True)
        Build.objects.filter(pk=deploy.build_id, state="queued").update(state="cancelled", cancel=True, finished=Now())
    transaction.on_commit(lambda: _after_flag(deploy, ended=bool(ended), said=said))
    kick.next_of(deploy.app_id)
    return True


def _after_flag(deploy: Deploy, *, ended: bool, said: str) -> None:
    streams = drivers(settings.MINATO).streams
    streams.nudge(f"deploy:{deploy.uid}")
    if not ended:
        return
    last = voice("deploy", deploy.uid, app=deploy.app.uid, fence=deploy.fence + 1, streams=streams)
    last.warn(said[0].upper() + said[1:])
    last.end("cancelled", code="deploy:user:cancelled", message=said)


@transaction.atomic
def delete_app(*, app: App, viewer: Viewer) -> App:
    """Take an app away: its name is free and its hosts are closed at once; the reaper removes all that it has."""
    require(viewer, "app.delete", app.team_id)
    if not App.objects.filter(pk=app.pk, deleted_at__isnull=True).update(deleted_at=Now()):
        raise UserError(code="app:user:gone", message=_("%(app)s is deleted already.") % {"app": app.name})
    for deploy in Deploy.objects.unfinished().filter(app=app).order_by("-id"):
        _flag(deploy, who=viewer.label)
    note(app, viewer, "app.delete")
    next_generation(reason=f"{app.uid} is deleted")
    transaction.on_commit(lambda: drivers(settings.MINATO).streams.nudge("node"))
    app.refresh_from_db()
    return app
