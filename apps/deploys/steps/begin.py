"""queued: whose turn it is leaves the queue, unless the branch has moved on meanwhile."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.builds.models import Build
from apps.deploys import kick
from apps.deploys.hold import Hold, after
from apps.deploys.models import Deploy
from minato.errors import Cancelled, UserError
from minato.release import short_commit

RECENTLY = timedelta(seconds=60)  # in which a live push has certainly moved its branch, if need be by the reconciler


def begin(hold: Hold) -> bool:
    """Refuse a stale push; else go to the build, or on to the release when there is nothing to build."""
    deploy = hold.deploy
    if deploy.app.deleted_at is not None:
        raise Cancelled
    refuse_stale(deploy)
    try:
        with transaction.atomic():
            _leave_queue(hold)
    except IntegrityError:
        return False  # another deploy of this app is under way: its end kicks us
    if hold.deploy.state == "building" and hold.deploy.build is not None:
        hold.voice.build(hold.deploy.build.uid)
    return True


def _leave_queue(hold: Hold) -> None:
    build = hold.deploy.build
    if build is None or build.state == "succeeded":
        hold.move("releasing")
        return
    hold.move("building")
    Build.objects.filter(pk=build.pk, state="queued").update(deadline=after(hold.config.times.queued))
    kick.build(build.pk)


def refuse_stale(deploy: Deploy) -> None:
    """Raise UserError when a push that went live has moved the branch elsewhere than this one believes it to be.

    A branch moves only after its deploy is live: what went live shortly before this push came may not have been seen.
    """
    if deploy.kind != "push":
        return
    newest = (
        Deploy.objects.filter(app=deploy.app, kind="push", ref=deploy.ref, live_at__gt=deploy.created - RECENTLY)
        .filter(state__in=("live", "draining", "retired"))
        .exclude(pk=deploy.pk)
        .select_related("source")
        .order_by("-live_at")
        .first()
    )
    if newest is None or newest.source is None or newest.source.commit == deploy.old_commit:
        return
    branch = deploy.ref.removeprefix("refs/heads/")
    raise UserError(
        code="deploy:user:stale",
        message=_("%(branch)s moved to %(commit)s, fetch first")
        % {"branch": branch, "commit": short_commit(newest.source.commit)},
        hint=_("git pull --rebase, then push again."),
    )
