"""Images that nothing needs any more go: from the node all but what runs and ran last, from the registry old ones."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.applications.models import App
from apps.builds.models import Build
from apps.deploys.models import Deploy
from apps.releases.models import Release
from minato.drivers.wiring import drivers
from minato.errors import PlatformError

log = logging.getLogger(__name__)

UNRELEASED = timedelta(days=1)  # for a build whose release is still to come, or never will
AT_HAND = 2  # releases on the node: what runs, and what one most likely goes back to


def images() -> None:
    """Look at each app of which nothing is under way; a push or rollback that comes now finds all that it may use."""
    for app in App.objects.live():
        kept = _kept(app)
        if kept and not _is_busy(app):
            _tidy_registry(app, kept)
            _tidy_node(app)


def _is_busy(app: App) -> bool:
    building = Build.objects.filter(app=app, state__in=("queued", "running"))
    return building.exists() or Deploy.objects.unfinished().filter(app=app).exists()


def _kept(app: App) -> set[str]:
    """Return the images that may be needed: of the last releases, of what runs, of the newest and today's builds."""
    built = Build.objects.filter(app=app, state="succeeded")
    newest = built.order_by("-number").values_list("image", flat=True)[:1]
    today = built.filter(finished__gte=timezone.now() - UNRELEASED).values_list("image", flat=True)
    last = Release.objects.kept(app).values_list("image", flat=True)
    return {*newest, *today, *last, *_running(app)}


def _running(app: App) -> set[str]:
    rows = Deploy.objects.filter(app=app, state__in=(*Deploy.RUNNING, "live", "draining"), release__isnull=False)
    return set(rows.values_list("release__image", flat=True))


def _tidy_registry(app: App, kept: set[str]) -> None:
    digests = {image.rpartition("@")[2] for image in kept}
    gone = drivers(settings.MINATO).registry.keep(_repository(app), digests)
    if gone:
        log.info("%s: %d old images are not kept any more", app.uid, gone)


def _tidy_node(app: App) -> None:
    engine = drivers(settings.MINATO).engine
    last = Release.objects.kept(app).order_by("-number").values_list("image", flat=True)[:AT_HAND]
    for image in sorted(set(engine.images(_repository(app))) - {*last, *_running(app)}):
        try:
            engine.remove_image(image)
        except PlatformError as error:
            if error.code != "engine:platform:conflict":  # a container still stands on it: the next time
                raise


def _repository(app: App) -> str:
    return f"{settings.MINATO.registry}/apps/{app.uid}"
