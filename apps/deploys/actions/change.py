"""What runs changes without new source: config, scale, restart, rollback, redeploy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.access.policy import require
from apps.access.viewer import Viewer
from apps.applications.models import App, ConfigVar
from apps.deploys.actions.queue import new_build, note, queue
from apps.deploys.models import Deploy
from apps.releases.models import KEPT, Release
from minato.drivers.wiring import drivers
from minato.errors import UserError
from minato.release import adjust, check_all, check_key, check_value, describe_config, short_commit
from minato.release.formation import Change


@transaction.atomic
def set_config(*, app: App, changes: Mapping[str, str | None], viewer: Viewer) -> Deploy | None:
    """Store what differs (None removes) and release it. None: nothing differs, or nothing runs yet to change."""
    require(viewer, "config.write", app.team_id)
    for key, value in changes.items():
        check_key(key)
        check_value(key, value or "")
    different = _different(app, changes)
    if not different:
        return None
    _store(app, different)
    check_all(sum(len(key) + len(sealed) for key, sealed in app.config.values_list("key", "sealed")))
    described = describe_config((key, value is not None) for key, value in different.items())
    if not Deploy.objects.filter(app=app, state__in=("live", "queued", *Deploy.RUNNING)).exists():
        note(app, viewer, "config.set", {"keys": sorted(different)})
        return None
    return queue(app, viewer, "config", audit="config.set", detail={"keys": sorted(different)}, description=described)


def _different(app: App, changes: Mapping[str, str | None]) -> dict[str, str | None]:
    seal = drivers(settings.MINATO).seal
    known = dict(ConfigVar.objects.filter(app=app).values_list("key", "fingerprint"))
    return {
        key: value
        for key, value in changes.items()
        if (key in known if value is None else known.get(key) != seal.fingerprint(value))
    }


def _store(app: App, changes: Mapping[str, str | None]) -> None:
    """Seal each value under the app's next config version."""
    seal = drivers(settings.MINATO).seal
    App.objects.filter(pk=app.pk).update(config_version=F("config_version") + 1)
    app.refresh_from_db(fields=["config_version", "key"])
    for key, value in changes.items():
        if value is None:
            ConfigVar.objects.filter(app=app, key=key).delete()
            continue
        sealed = seal.seal(value, app=app.uid, key=key, version=app.config_version, wrapped=bytes(app.key))
        fields = {"sealed": sealed, "version": app.config_version, "fingerprint": seal.fingerprint(value)}
        ConfigVar.objects.update_or_create(app=app, key=key, defaults=fields)


@transaction.atomic
def scale(*, app: App, changes: Sequence[Change], viewer: Viewer) -> Deploy:
    """Change how many of each process type run, and how big they are. Raises UserError for what is not possible."""
    require(viewer, "app.scale", app.team_id)
    there = _live_release(app).processes  # a release that failed may have left types that nothing can start
    adjust([one for one in app.formation() if one.type in there], changes)
    shown = " ".join(f"{kind}{amount}{':' + size if size else ''}" for kind, amount, size in changes)
    progress = {"changes": [list(change) for change in changes]}
    return queue(
        app,
        viewer,
        "scale",
        audit="app.scale",
        detail={"scale": shown},
        progress=progress,
        description=f"Scale {shown}"[:200],
    )


@transaction.atomic
def restart(*, app: App, viewer: Viewer) -> Deploy:
    """Start every process anew beside the old ones, and switch."""
    require(viewer, "app.deploy", app.team_id)
    _live_release(app)
    return queue(app, viewer, "restart", audit="app.restart", description="Restart")


@transaction.atomic
def rollback(*, app: App, release: Release, viewer: Viewer) -> Deploy:
    """Release an earlier release's image and config again, under a new number."""
    require(viewer, "app.deploy", app.team_id)
    if release.app_id != app.pk or release.state not in ("live", "retired"):
        raise UserError(
            code="deploy:user:no-such-release",
            message=_("%(release)s never ran.") % {"release": release},
            hint=_("Only a release that was live can come back."),
        )
    if not Release.objects.kept(app).filter(pk=release.pk).exists():
        raise UserError(
            code="deploy:user:too-old",
            message=_("The image of %(release)s is not kept any more.") % {"release": release},
            hint=_("The last %(n)d releases can come back. For an older one push its commit again.") % {"n": KEPT},
        )
    return queue(
        app,
        viewer,
        "rollback",
        audit="app.rollback",
        detail={"to": f"{release}"},
        progress={"to": release.number},
        description=f"Rollback to {release}",
    )


@transaction.atomic
def redeploy(*, app: App, viewer: Viewer) -> Deploy:
    """Build the source that is live once more."""
    require(viewer, "app.deploy", app.team_id)
    source = _live_release(app).build.source
    described = f"Redeploy {short_commit(source.commit or source.sha256)}"
    return queue(
        app,
        viewer,
        "redeploy",
        audit="app.redeploy",
        source=source,
        build=new_build(app, source),
        description=described,
    )


def _live_release(app: App) -> Release:
    row = Release.objects.select_related("build__source").filter(app=app, state="live").first()
    if row is None:
        raise UserError(
            code="deploy:user:nothing-runs",
            message=_("Nothing runs yet."),
            hint=_("Push first: git push platform main"),
        )
    return row
