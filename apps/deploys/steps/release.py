"""releasing: an immutable row of image, config and formation; then its release phase, once, before any traffic."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from apps.applications.models import App, Process
from apps.builds.models import Build
from apps.deploys.hold import Hold
from apps.deploys.models import Deploy
from apps.deploys.numbers import create_numbered
from apps.deploys.snapshot import config_of
from apps.deploys.spec import formation_of, stored
from apps.deploys.steps.phase import run_phase
from apps.releases.models import Release
from minato.errors import PlatformError, UserError
from minato.release import adjust, grows_in_place, next_formation, short_commit, shown
from minato.values.process import Formation

KEEPS_RELEASE = ("scale", "restart")  # they run the release that is live


def release(hold: Hold) -> bool:
    """Settle what will run, say it, run the release phase, go on to `starting`."""
    if "formation" not in hold.deploy.progress:
        _settle(hold)
        _announce(hold)
    if hold.deploy.kind not in KEEPS_RELEASE:
        run_phase(hold)
    hold.move("starting")
    return True


def _settle(hold: Hold) -> None:
    deploy = hold.deploy
    with transaction.atomic():
        if deploy.kind in KEEPS_RELEASE:
            _reuse_release(hold)
        else:
            _make_release(hold)


def _reuse_release(hold: Hold) -> None:
    deploy = hold.deploy
    base = _live_release(deploy.app)
    before = deploy.app.formation()
    formation = adjust(before, [(kind, amount, size) for kind, amount, size in deploy.progress.get("changes", [])])
    crashed = deploy.app.processes.filter(crashed_at__isnull=False).exists()
    in_place = deploy.kind == "scale" and not crashed and grows_in_place(before, formation)
    progress = {**deploy.progress, "formation": stored(formation), "in_place": in_place}
    hold.write(release=base, build=base.build, progress=progress)


def _make_release(hold: Hold) -> None:
    deploy = hold.deploy
    build, origin = _image_of(deploy)
    if not build.image:
        raise PlatformError(code="release:platform:no-image", message=_("The build has no image."))
    processes = origin.processes if origin else build.processes
    formation = next_formation(list(processes), _formation_before(deploy.app))
    _know_types(deploy.app, formation)
    row = create_numbered(
        Release,
        app_id=deploy.app_id,
        build=build,
        image=origin.image if origin else build.image,
        processes=processes,
        config=origin.config if deploy.kind == "rollback" and origin else config_of(deploy.app),
        config_version=App.objects.values_list("config_version", flat=True).get(pk=deploy.app_id),
        formation=stored(formation),
        base=origin.base if origin else build.run_image,
        description=(deploy.description or f"Deploy {short_commit(build.source.commit or build.source.sha256)}")[:200],
        by=deploy.by,
    )
    hold.write(release=row, build=build, progress={**deploy.progress, "formation": stored(formation)})


def _image_of(deploy: Deploy) -> tuple[Build, Release | None]:
    """Return the build whose image runs, and the earlier release that it is taken from, if any."""
    if deploy.kind == "rollback":
        target = Release.objects.select_related("build__source").get(app=deploy.app, number=deploy.progress["to"])
        return target.build, target
    if deploy.kind == "config":
        base = _live_release(deploy.app)
        return base.build, base
    if deploy.build is None:
        raise PlatformError(code="release:platform:no-build", message=_("There is nothing to release."))
    return deploy.build, None


def _live_release(app: App) -> Release:
    row = Release.objects.select_related("build__source").filter(app=app, state="live").first()
    if row is None:
        raise UserError(
            code="deploy:user:nothing-runs",
            message=_("Nothing runs yet."),
            hint=_("Push first: git push platform main"),
        )
    return row


def _formation_before(app: App) -> tuple[Formation, ...] | None:
    """Return the formation to keep, or None before the first release that ever was live."""
    if not Release.objects.filter(app=app, state__in=("live", "retired")).exists():
        return None
    return app.formation()


def _know_types(app: App, formation: Iterable[Formation]) -> None:
    """Give each new process type a row, and with it the id that names its services; none of it runs yet."""
    for one in formation:
        Process.objects.get_or_create(app=app, type=one.type, defaults={"quantity": 0, "size": one.size})


def _announce(hold: Hold) -> None:
    deploy = hold.deploy
    formation = shown(formation_of(deploy))
    row = deploy.release
    if row is None:
        return
    if deploy.kind in KEEPS_RELEASE:
        verb = _("Restarting") if deploy.kind == "restart" else _("Scaling")
        hold.voice.head(f"{verb} {row}: {_('formation')} {formation}")
        return
    source = row.build.source
    what = _("commit %(id)s") if source.commit else _("upload %(id)s")
    origin = what % {"id": short_commit(source.commit or source.sha256)}
    hold.voice.head(
        _("Release %(release)s: %(origin)s, config c%(config)d, formation %(formation)s")
        % {"release": row, "origin": origin, "config": row.config_version, "formation": formation}
    )
