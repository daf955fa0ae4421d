"""Deleted apps: everything that is theirs goes, it is proved that nothing is left, then the row goes."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from apps.accounts.models import Token
from apps.applications.models import App
from apps.audit.actions import record
from apps.builds.models import Build
from apps.deploys import voice
from apps.deploys.models import Deploy
from apps.releases.models import Release
from apps.routes.actions import next_generation
from apps.routes.models import Slot
from apps.sources.models import Source
from minato.drivers.wiring import drivers
from minato.errors import PlatformError

log = logging.getLogger(__name__)

UNCLAIMED = 60.0  # seconds in which whoever has put a blob will have named it in a row


def deleted_apps() -> None:
    """Reap each deleted app of which nothing is under way; what fails now is tried again in 2 s."""
    for app in App.objects.filter(deleted_at__isnull=False).select_related("team"):
        if Deploy.objects.unfinished().filter(app=app).exists():
            continue
        try:
            reap(app)
        except PlatformError as error:
            log.warning("%s: not all of it can be removed now: %s", app.uid, error)


def reap(app: App) -> bool:
    """Remove everything outside, prove it, remove the rows; false when something is still there."""
    for remove in (_engine, _registry, _disk, _telemetry, _streams):
        remove(app)
    remains = left(app)
    if remains:
        log.info("%s: still there: %s", app.uid, ", ".join(remains))
        return False
    with transaction.atomic():
        _rows(app)
        record(viewer=None, action="app.reaped", object=app.uid, label=app.name, team=app.team.uid)
        next_generation(reason=f"{app.uid} is gone")
    return True


def left(app: App) -> list[str]:
    """Return the kinds of things that are still there outside of the rows."""
    outside = drivers(settings.MINATO)
    labels = _labels(app)
    repository = _repository(app)
    seen: dict[str, Callable[[], object]] = {
        "services": lambda: outside.engine.services(labels),
        "containers": lambda: outside.engine.instances(labels),
        "volumes": lambda: outside.engine.volumes(labels),
        "images": lambda: outside.engine.images(repository),
        "registry": lambda: outside.registry.remains(repository),
        "repository": lambda: (settings.MINATO.repos / f"{app.uid}.git").exists(),
        "blobs": lambda: [sha for sha in _own_blobs(app) if outside.blobs.exists(sha)],
        "lines": lambda: [one for one in ("", *_uids(app)) if outside.telemetry.lines(app.uid, limit=1, build=one)],
        "streams": lambda: [name for name in _stream_names(app) if outside.streams.read(name, limit=1)],
    }
    return [kind for kind, look in seen.items() if look()]


def _labels(app: App) -> dict[str, str]:
    return {"minato.ns": settings.MINATO.ns, "minato.app": app.uid}


def _repository(app: App) -> str:
    return f"{settings.MINATO.registry}/apps/{app.uid}"


def _engine(app: App) -> None:
    engine = drivers(settings.MINATO).engine
    for service in engine.services(_labels(app)):
        engine.remove(service.name)
    if engine.services(_labels(app)):
        return
    engine.remove_labelled(_labels(app))
    for volume in engine.volumes(_labels(app)):
        engine.remove_volume(volume)
    for image in engine.images(_repository(app)):
        engine.remove_image(image)


def _registry(app: App) -> None:
    drivers(settings.MINATO).registry.delete(_repository(app))


def _disk(app: App) -> None:
    """The repository, the blobs that no other app's source names, and kept lines."""
    outside = drivers(settings.MINATO)
    outside.git.remove(settings.MINATO.repos / f"{app.uid}.git")
    for sha256 in _own_blobs(app):
        outside.blobs.expire(sha256, older_than=UNCLAIMED)
    for uid in _uids(app):
        (voice.spool(settings.MINATO) / f"{uid}.jsonl").unlink(missing_ok=True)


def _own_blobs(app: App) -> list[str]:
    shared = Source.objects.exclude(app=app).values("sha256")
    return list(Source.objects.filter(app=app).exclude(sha256__in=shared).values_list("sha256", flat=True).distinct())


def _telemetry(app: App) -> None:
    drivers(settings.MINATO).telemetry.delete(app.uid)


def _streams(app: App) -> None:
    for name in _stream_names(app):
        drivers(settings.MINATO).streams.remove(name)


def _stream_names(app: App) -> list[str]:
    deploys = Deploy.objects.filter(app=app).values_list("uid", flat=True)
    builds = Build.objects.filter(app=app).values_list("uid", flat=True)
    return [f"log:{app.uid}", *(f"deploy:{uid}" for uid in deploys), *(f"build:{uid}" for uid in builds)]


def _uids(app: App) -> list[str]:
    return [name.partition(":")[2] for name in _stream_names(app)]


def _rows(app: App) -> None:
    """Rows that protect each other go in this order; the rest goes with the app."""
    Slot.objects.filter(deploy__app=app).delete()
    for model in (Deploy, Release, Build, Source):
        model._default_manager.filter(app=app).delete()
    Token.objects.filter(app_uid=app.uid).delete()
    app.delete()
