"""What the git and upload doors ask of the apps, as plain functions; a test hands in its own.

Each function may use the database: call it through `doors.database.ask`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from apps.access import policy
from apps.access.viewer import Viewer
from apps.accounts import tokens
from apps.applications.models import App
from apps.audit import actions as audit
from apps.deploys.models import Deploy
from doors import story
from minato.receive.transcript import Outcome
from minato.values.source import RefChange, SourceBlob


@dataclass(frozen=True, kw_only=True)
class Target:
    """An app that a viewer may see."""

    uid: str
    name: str
    team: int
    deploys_from: Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class Started:
    """The deploy that a push or an upload began."""

    uid: str
    number: int
    state: str = "queued"


def authenticate(secret: str, via: str) -> Viewer | None:
    return tokens.authenticate(secret, via=via)


def find(viewer: Viewer, name: str) -> Target | None:
    """Return the app; None alike for one that is not there and one that the viewer may not see."""
    app = App.objects.visible_to(viewer).named(name).first()
    if app is None:
        return None
    return Target(uid=app.uid, name=app.name, team=app.team_id, deploys_from=app.deploys_from)


def denied(viewer: Viewer, target: Target, action: str) -> None:
    """Write down that a known caller was refused."""
    app = App.objects.select_related("team").get(uid=target.uid)
    audit.record(viewer=viewer, action=action, object=app.uid, label=app.name, team=app.team.uid, result="denied")


def push(target: Target, source: SourceBlob, change: RefChange, viewer: Viewer) -> Started:
    """Begin the deploy of a pushed commit. Raises UserError, PlatformError."""
    from apps.deploys import actions

    return _started(actions.push(app=_app(target), source=source, change=change, viewer=viewer))


def upload(target: Target, source: SourceBlob, viewer: Viewer, key: str) -> Started:
    """Begin the deploy of an uploaded archive; the same key again gives the same deploy. Raises UserError."""
    from apps.deploys import actions

    return _started(actions.upload(app=_app(target), source=source, viewer=viewer, idempotency_key=key))


def outcome(uid: str) -> Outcome:
    """Return how a deploy stands, with all that explains a failure."""
    row = Deploy.objects.select_related("build").get(uid=uid)
    return Outcome(
        state=row.state,
        number=row.number,
        code=row.code,
        message=row.message,
        hint=row.hint,
        evidence=row.evidence,
        build=row.build.number if row.build else 0,
    )


def _app(target: Target) -> App:
    return App.objects.live().get(uid=target.uid)


def _started(row: Deploy) -> Started:
    return Started(uid=row.uid, number=row.number, state=row.state)


def follow(uid: str) -> AsyncIterator[tuple[str, dict[str, str]]]:
    return story.follow(uid)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The collaborators of the git and upload doors."""

    authenticate: Callable[[str, str], Viewer | None] = authenticate
    find: Callable[[Viewer, str], Target | None] = find
    require: Callable[[Viewer, str, int], None] = policy.require
    denied: Callable[[Viewer, Target, str], None] = denied
    push: Callable[[Target, SourceBlob, RefChange, Viewer], Started] = push
    upload: Callable[[Target, SourceBlob, Viewer, str], Started] = upload
    outcome: Callable[[str], Outcome] = outcome
    follow: Callable[[str], AsyncIterator[tuple[str, dict[str, str]]]] = follow
