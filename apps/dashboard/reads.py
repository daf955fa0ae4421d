"""Joined reads for pages: values and rows, no act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy

from apps.access.viewer import Viewer
from apps.applications.models import App, Process
from apps.deploys.models import Deploy
from apps.instances.models import Instance
from apps.monitoring.reads import health
from apps.releases.models import Release
from minato.observe.health import Health

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
WORDS = {
    "queued": gettext_lazy("queued"),
    "building": gettext_lazy("building"),
    "releasing": gettext_lazy("releasing"),
    "starting": gettext_lazy("starting"),
    "switching": gettext_lazy("switching"),
    "proving": gettext_lazy("proving"),
    "cancelling": gettext_lazy("cancelling"),
    "pending": gettext_lazy("pending"),
    "live": gettext_lazy("live"),
    "draining": gettext_lazy("draining"),
    "retired": gettext_lazy("retired"),
    "done": gettext_lazy("done"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("cancelled"),
    "ready": gettext_lazy("ready"),
    "created": gettext_lazy("created"),
    "running": gettext_lazy("running"),
    "restarting": gettext_lazy("restarting"),
    "degraded": gettext_lazy("degraded"),
    "crashed": gettext_lazy("crashed"),
    "unknown": gettext_lazy("unknown"),
    "stopped": gettext_lazy("stopped"),
    "none": gettext_lazy("no release"),
}
BUILDS = ("push", "upload", "redeploy")  # kinds of deploy with a build of their own
RECENT = 6
SHOWN = 50


def tone(state: str) -> str:
    """Return the look of a state: ok, busy, warn, bad or mute."""
    return "busy" if state in Deploy.RUNNING or state == "queued" else TONES.get(state, "mute")


def word(state: str) -> str:
    """Return a state in the reader's language."""
    return str(WORDS.get(state, state))


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a pill shows: a word, its look, when it was last observed, and why."""

    label: str
    tone: str
    seen: datetime | None = None
    why: str = ""


def status_of(seen: Health) -> Status:
    return Status(label=word(seen.status), tone=tone(seen.status), seen=seen.observed_at, why=seen.why)


def app_rows(viewer: Viewer) -> list[dict[str, Any]]:
    """Return one row per visible app, by name."""
    apps = App.objects.visible_to(viewer).select_related("team").order_by("name")
    return [_row(app) for app in apps]


def _row(app: App) -> dict[str, Any]:
    seen = health(app)
    return {
        "app": app,
        "status": status_of(seen),
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
    return {"app": app, "status": status_of(health(app)), "live": live, **_address(app)}


def overview(app: App) -> dict[str, Any]:
    context = app_context(app)
    live = context["live"]
    unfinished = Deploy.objects.filter(app=app).unfinished().order_by("number")
    return {
        **context,
        "release": live.release if live else None,
        "image": live.release.image.rpartition("@")[2][:19] if live else "",
        "running": next(iter(toned(unfinished[:1])), None),
        "waiting": max(0, unfinished.count() - 1),
        "processes": _processes(app, live),
        "instances": _instances(app),
        "latest": toned(_deploys(app)[:RECENT]),
    }


def _processes(app: App, live: Deploy | None) -> list[Process]:
    """Return the types that the running release can start; one that failed may have brought others."""
    there = live.release.processes if live and live.release else {}
    rows = [one for one in app.processes.order_by("type") if one.type in there]
    for one in rows:
        one.last_words = "\n".join(one.crash_lines)  # type: ignore[attr-defined]
    return rows


def _instances(app: App) -> list[Instance]:
    rows = list(
        Instance.objects.filter(app=app, state__in=("created", "running", "restarting")).order_by(
            "process", "ordinal", "-deploy"
        )
    )
    for row in rows:
        row.words = word("ready" if row.ready else row.state)  # type: ignore[attr-defined]
        row.tone = "ok" if row.ready or not row.check_status else "busy"  # type: ignore[attr-defined]
    return rows


def _deploys(app: App) -> Any:
    return Deploy.objects.filter(app=app).select_related("release", "by").order_by("-number")


def toned(rows: Iterable[Any]) -> list[Any]:
    """Give each row the word and the look of its state."""
    listed = list(rows)
    for row in listed:
        row.tone, row.word = tone(row.state), word(row.state)
    return listed


def activity(app: App) -> dict[str, Any]:
    rows = Release.objects.filter(app=app).select_related("build", "by").order_by("-number")
    releases = toned(rows[:SHOWN])
    kept = set(Release.objects.kept(app).values_list("pk", flat=True))
    for one in releases:
        one.may_return = one.state == "retired" and one.pk in kept
    return {**app_context(app), "releases": releases, "deploys": toned(_deploys(app)[:SHOWN])}


def deploy_context(app: App, deploy: Deploy) -> dict[str, Any]:
    toned([deploy])
    end = deploy.live_at or deploy.finished
    return {
        **app_context(app),
        "deploy": deploy,
        "over": deploy.state in Deploy.OVER,
        "took": (end - deploy.created).total_seconds() if end else None,
        "phases": deploy.build.phases if deploy.build and deploy.kind in BUILDS else [],
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
