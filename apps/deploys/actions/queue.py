"""A deploy joins its app's queue."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from apps.access.viewer import Viewer
from apps.applications.models import App
from apps.audit.actions import record
from apps.builds.models import Build
from apps.deploys import kick
from apps.deploys.hold import after
from apps.deploys.models import Deploy
from apps.deploys.numbers import create_numbered
from apps.deploys.voice import voice
from apps.sources.models import Source
from minato.drivers.wiring import drivers


def queue(
    app: App, viewer: Viewer, kind: str, *, audit: str, detail: dict[str, Any] | None = None, **fields: Any
) -> Deploy:
    """Create the row, write the audit log, kick. Call it inside the transaction of the use case."""
    deploy = create_numbered(
        Deploy,
        app_id=app.pk,
        kind=kind,
        deadline=after(settings.MINATO.times.queued),
        by_id=viewer.user_id,
        via=viewer.via,
        **fields,
    )
    note(app, viewer, audit, {"deploy": deploy.uid, **(detail or {})})
    kick.deploy(deploy.pk)
    transaction.on_commit(lambda: _say_who_is_before(deploy))
    return deploy


def new_build(app: App, source: Source) -> Build:
    return create_numbered(Build, app_id=app.pk, source=source, deadline=after(settings.MINATO.times.queued))


def note(app: App, viewer: Viewer, action: str, detail: dict[str, Any] | None = None) -> None:
    """Write the audit row of an act on an app."""
    record(viewer=viewer, action=action, object=app.uid, label=app.name, team=app.team.uid, detail=detail or {})


def _say_who_is_before(deploy: Deploy) -> None:
    """Tell a pusher that waits for an older deploy of the same app; fence 0 is before any worker's."""
    before = Deploy.objects.unfinished().filter(app_id=deploy.app_id, id__lt=deploy.pk).order_by("-id").first()
    if before is None:
        return
    said = voice("deploy", deploy.uid, app=deploy.app.uid, fence=0, streams=drivers(settings.MINATO).streams)
    said.head(_("Waiting for deploy %(deploy)s of this app (%(state)s)") % {"deploy": before, "state": before.state})
