"""A branch left behind: the hook went away (the web process was killed) before the deploy became live."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.deploys.models import Deploy
from minato.drivers.wiring import drivers
from minato.values.source import RefChange

log = logging.getLogger(__name__)
PATIENCE = timedelta(seconds=5)  # the hook's own turn
FORGET = timedelta(hours=1)


def left_behind() -> None:
    """Move each ref that is still where a live push found it; moved meanwhile: the release stands."""
    now = timezone.now()
    rows = Deploy.objects.filter(kind="push", live_at__lte=now - PATIENCE, live_at__gte=now - FORGET)
    rows = rows.filter(state__in=("live", "draining", "retired"), app__deleted_at__isnull=True)
    for deploy in rows.select_related("app", "source"):
        if not deploy.progress.get("ref_seen") and deploy.source is not None:
            _move(deploy, RefChange(old=deploy.old_commit, new=deploy.source.commit, ref=deploy.ref))


def _move(deploy: Deploy, change: RefChange) -> None:
    git = drivers(settings.MINATO).git
    repository = settings.MINATO.repos / f"{deploy.app.uid}.git"
    if git.ref(repository, change.ref) == change.old and git.update_ref(repository, change):
        log.warning("%s: %s was left behind: moved to %s", deploy.uid, change.ref, change.new[:7])
    Deploy.objects.filter(pk=deploy.pk).update(progress={**deploy.progress, "ref_seen": True})
