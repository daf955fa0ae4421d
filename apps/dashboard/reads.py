"""Joined reads for pages: values and rows, no act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from apps.access.viewer import Viewer
from apps.applications.models import App
from apps.deploys.models import Deploy
from apps.instances.models import Instance
from apps.monitoring.reads import health
from apps.releases.models import Release

TONES = {
    "running": "ok",
    "live": "ok",
    "ready": "ok",
    "succeeded": "ok",
    "done": "ok",
    "starting": "busy",
    "deploying": "busy",
    "degraded": "warn",
    "unknown": "warn",
    "crashed": "bad",
    "failed": "bad",
}
RECENT = 10
SHOWN = 50


def tone(state: str) -> str:
    """Return the look of a state: ok, busy, warn, bad or mute."""
    return "busy" if state in Deploy.RUNNING or state == "queued" else TONES.get(state, "mute")


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a pill shows: a word, its look, when it was last observed, and why."""

    label: str
    tone: str
    seen: datetime | None = None
    why: str = ""


def status_of(app: App) -> Status:
    seen = health(app)
    words = {
        "running": _("running"),
        "starting": _("starting"),
        "degraded": _("degraded"),
        "crashed": _("crashed"),
        "unknown": _("unknown"),
        "stopped": _("stopped"),
        "none": _("no release"),
    }
    return Status(
        label=words.get(seen.status, seen.status), tone=tone(seen.status), seen=seen.observed_at, why=seen.why
    )


def app_rows(viewer: Viewer) -> list[dict[str, Any]]:
    """Return one row per visible app, by name."""
    apps = App.objects.visible_to(viewer).select_related("team").order_by("name")
    return [_row(app) for app in apps]


def _row(app: App) -> dict[str, Any]:
    seen = health(app)
    return {
        "app": app,
        "status": status_of(app),
        "release": app.releases.filter(state="live").first(),
        "ready": seen.ready,
        "desired": seen.desired,
        **_address(app),
    }


def _address(app: App) -> dict[str, str]:
    config = settings.MINATO
    return {"url": config.app_url(app.name), "host": config.app_host(app.name), "git_url": config.git_url(app.name)}


def app_context(app: App) -> dict[str, Any]:
    """Return what the head of every page of an app needs."""
    live = Deploy.objects.filter(app=app, state="live").select_related("release").first()
    return {"app": app, "status": status_of(app), "live": live, **_address(app)}


def overview(app: App) -> dict[str, Any]:
    context = app_context(app)
    live = context["live"]
    return {
        **context,
        "release": live.release if live else None,
        "running": Deploy.objects.filter(app=app, state__in=("queued", *Deploy.RUNNING)).order_by("number").first(),
        "processes": app.processes.order_by("type"),
        "instances": _instances(app),
        "latest": toned(_deploys(app)[:RECENT]),
    }


def _instances(app: App) -> list[Instance]:
    rows = list(
        Instance.objects.filter(app=app, state__in=("created", "running", "restarting")).order_by(
            "process", "ordinal", "-deploy"
        )
    )
    for row in rows:
        row.words = _("ready") if row.ready else _(row.state)  # type: ignore[attr-defined]
        row.tone = "ok" if row.ready or not row.check_status else "busy"  # type: ignore[attr-defined]
    return rows


def _deploys(app: App) -> Any:
    return Deploy.objects.filter(app=app).select_related("release", "by").order_by("-number")


def toned(rows: Iterable[Any]) -> list[Any]:
    """Give each row the look of its state."""
    listed = list(rows)
    for row in listed:
        row.tone = tone(row.state)
    return listed


def activity(app: App) -> dict[str, Any]:
    releases = Release.objects.filter(app=app).select_related("build", "by").order_by("-number")
    return {**app_context(app), "releases": toned(releases[:SHOWN]), "deploys": toned(_deploys(app)[:SHOWN])}


def deploy_context(app: App, deploy: Deploy) -> dict[str, Any]:
    toned([deploy])
    return {
        **app_context(app),
        "deploy": deploy,
        "over": deploy.state in Deploy.OVER,
        "phases": deploy.build.phases if deploy.build else [],
        "events": f"/api/v1/apps/{app.name}/deploys/{deploy.number}/events",
    }


def paste_commands(app: App, secret: str) -> str:
    """Return the commands of the first push; the credential helper is set for this one host first.

    `git credential approve` without a helper would store nothing.
    """
    config = settings.MINATO
    scheme, _sep, host = config.url.partition("://")
    return "\n".join(
        [
            f"git config --global credential.{config.url}.helper store",
            rf"printf 'protocol={scheme}\nhost={host}\nusername=minato\npassword={secret}\n\n'"
            " | git credential approve",
            f"git remote add platform {config.git_url(app.name)}",
            "git push platform main",
        ]
    )
