"""What one app is doing, joined from its rows: values for the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.applications.models import App
from apps.deploys.models import Deploy
from apps.instances.models import Instance
from apps.monitoring.reads import health

SHOWN = ("created", "running", "restarting")


@dataclass(frozen=True, kw_only=True)
class Summary:
    """An app's row in a list: what runs, where, and how old that knowledge is."""

    app: App
    status: str  # created, deploying, starting, running, degraded, crashed, stopped, unknown
    why: str
    release: str  # v6, or ""
    deploy: int | None  # number of the deploy under way
    ready: int
    desired: int
    url: str
    git_url: str
    observed_at: datetime | None
    observed_age: float | None  # seconds


def summary(app: App) -> Summary:
    """Return what was last seen of an app. Never a guess: what is too old says `unknown`."""
    seen = health(app)
    live = app.releases.filter(state="live").first()
    unfinished = Deploy.objects.unfinished().filter(app=app).order_by("number").values_list("number", flat=True).first()
    return Summary(
        app=app,
        status=_status(seen.status, unfinished),
        why=seen.why,
        release=str(live) if live else "",
        deploy=unfinished,
        ready=seen.ready,
        desired=seen.desired,
        url=settings.MINATO.app_url(app.name),
        git_url=settings.MINATO.git_url(app.name),
        observed_at=seen.observed_at,
        observed_age=_age(seen.observed_at),
    )


def _status(seen: str, unfinished: int | None) -> str:
    if seen != "none":
        return seen
    return "created" if unfinished is None else "deploying"


def _age(at: datetime | None) -> float | None:
    return None if at is None else round((timezone.now() - at).total_seconds(), 1)


def instances(app: App) -> list[dict[str, Any]]:
    """Return the app's containers as last seen; one that was not seen for 10 s is `unknown`."""
    rows = Instance.objects.filter(app=app, state__in=SHOWN).order_by("process", "ordinal", "-deploy")
    return [_instance(row) for row in rows]


def _instance(row: Instance) -> dict[str, Any]:
    stale = (_age(row.observed_at) or 0) > settings.MINATO.times.stale
    return {
        "name": f"{row.process}.{row.ordinal}",
        "process": row.process,
        "release": row.release,
        "deploy": row.deploy,
        "state": "unknown" if stale else row.state,
        "ready": row.ready and not stale,
        "exit_code": row.exit_code,
        "started_at": row.started_at,
        "observed_at": row.observed_at,
    }
