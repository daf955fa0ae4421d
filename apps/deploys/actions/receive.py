"""A source has come: by push or by upload."""

from __future__ import annotations

from django.db import transaction

from apps.access.policy import require
from apps.access.viewer import Viewer
from apps.applications.models import App
from apps.deploys.actions.queue import new_build, queue
from apps.deploys.models import Deploy
from apps.sources.models import Source
from minato.release import short_commit
from minato.values.source import RefChange, SourceBlob


@transaction.atomic
def push(*, app: App, source: SourceBlob, change: RefChange, viewer: Viewer) -> Deploy:
    """Deploy a pushed commit. The ref is moved by the hook; when that has gone, by the reconciler."""
    require(viewer, "app.deploy", app.team_id)
    row = Source.objects.create(
        app=app, sha256=source.sha256, size=source.size, origin="push", commit=change.new, ref=change.ref[:200]
    )
    return queue(
        app,
        viewer,
        "push",
        audit="app.push",
        detail={"commit": change.new, "ref": change.ref[:200]},
        source=row,
        build=new_build(app, row),
        ref=change.ref[:200],
        old_commit=change.old,
        description=f"Deploy {short_commit(change.new)}",
    )


@transaction.atomic
def upload(*, app: App, source: SourceBlob, viewer: Viewer, idempotency_key: str = "") -> Deploy:
    """Deploy an uploaded archive. The same key again is the same deploy."""
    require(viewer, "app.deploy", app.team_id)
    known = Deploy.objects.filter(app=app, idempotency_key=idempotency_key).first() if idempotency_key else None
    if known is not None:
        return known
    row = Source.objects.create(app=app, sha256=source.sha256, size=source.size, origin="upload")
    return queue(
        app,
        viewer,
        "upload",
        audit="app.upload",
        detail={"sha256": source.sha256},
        source=row,
        build=new_build(app, row),
        idempotency_key=idempotency_key[:80],
        description=f"Deploy upload {source.sha256[:7]}",
    )
