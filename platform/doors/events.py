"""Live events (SSE): `GET /api/v1/apps/<app>/logs` and `GET /api/v1/apps/<app>/deploys/<number>/events`.

The first path is Django's too: this door takes it when the caller accepts `text/event-stream`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

from django.utils.translation import gettext as _

from apps.access import policy
from apps.access.viewer import Viewer
from apps.applications.models import App
from apps.audit import actions as audit
from apps.deploys.models import Deploy
from doors import Receive, Scope, Send, story, tail
from doors.callers import viewer_at
from doors.database import ask
from doors.http import header, problem, request_id
from doors.hub import hub
from doors.sse import Event, Events, stream
from minato.errors import MinatoError, PlatformError, UserError
from minato.values.log import Filter

LOGS = re.compile(r"^/api/v1/apps/([^/]+)/logs\Z")
DEPLOY = re.compile(r"^/api/v1/apps/([^/]+)/deploys/(\d{1,9})/events\Z")
PLACE = re.compile(r"^[\d~-]{1,80}\Z")
LINES = 200
MOST_LINES = 1000
MOST_OPEN, OF_ONE = 2000, 200  # streams of this process, and those of one person
STATUS = {
    "api:user:unauthenticated": 401,
    "api:user:not-found": 404,
    "api:user:method-not-allowed": 405,
    "access:user:forbidden": 403,
    "events:platform:busy": 503,
}


@dataclass(frozen=True)
class Wish:
    """Who wants which stream: public ids of app and deploy, "" for the app's log."""

    who: int
    app: str
    deploy: str


class EventsDoor:
    """The streams of one process; at most 2,000 are open, 200 of one person."""

    def __init__(self) -> None:
        self.open = 0
        self.of_one: Counter[int] = Counter()

    def matches(self, path: str) -> bool:
        return bool(LOGS.match(path) or DEPLOY.match(path))

    def wants(self, scope: Scope) -> bool:
        return DEPLOY.match(scope["path"]) is not None or "text/event-stream" in header(scope, "accept")

    async def stop(self) -> None:
        await hub().close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = request_id(scope)
        self.open += 1
        try:
            wish = await self._admit(scope)
        except MinatoError as error:
            extra = {401: [("WWW-Authenticate", 'Bearer realm="minato"')], 405: [("Allow", "GET")]}
            status = STATUS.get(error.code, 500)
            await problem(send, status, error, request, extra.get(status, []))
        else:
            with self._counted(wish.who):
                events = _deploy_events(wish.deploy, _after(scope)) if wish.deploy else _log_events(scope, wish.app)
                await stream(events, receive, send, request=request, allowed=lambda: _still(scope))
        finally:
            self.open -= 1

    async def _admit(self, scope: Scope) -> Wish:
        """Return what the caller may see. Raises UserError, PlatformError."""
        wish = await ask(_found, scope) if self.open <= MOST_OPEN else None
        if wish is None or self.of_one[wish.who] >= OF_ONE:
            raise PlatformError(code="events:platform:busy", message=_("Too many live streams are open."))
        return wish

    @contextmanager
    def _counted(self, who: int) -> Iterator[None]:
        self.of_one[who] += 1
        try:
            yield
        finally:
            self.of_one[who] -= 1
            self.of_one += Counter()  # who has none is forgotten


def _found(scope: Scope) -> Wish:
    """Find what the path names, as its caller may see it; a stranger hears what nobody hears."""
    viewer = viewer_at(scope)
    if viewer is None:
        hint = _("Send Authorization: Bearer <token>; make a token on the page Tokens.")
        raise UserError(code="api:user:unauthenticated", message=_("You are not signed in."), hint=hint)
    of_deploy = DEPLOY.match(scope["path"])
    named = of_deploy or LOGS.match(scope["path"])
    name = named[1] if named else ""
    app = App.objects.visible_to(viewer).named(name).select_related("team").first()
    deploy = Deploy.objects.filter(app=app, number=of_deploy[2]).first() if app and of_deploy else None
    if app is None or (of_deploy and deploy is None):
        raise UserError(
            code="api:user:not-found", message=_("There is nothing here."), hint=_("Or it is not yours to see.")
        )
    _require(viewer, app, "app.read" if deploy else "logs.read")
    if scope["method"] != "GET":
        raise UserError(code="api:user:method-not-allowed", message=_("This address takes GET."))
    return Wish(viewer.user_id, app.uid, deploy.uid if deploy else "")


def _require(viewer: Viewer, app: App, action: str) -> None:
    try:
        policy.require(viewer, action, app.team_id)
    except UserError:
        audit.record(viewer=viewer, action=action, object=app.uid, label=app.name, team=app.team.uid, result="denied")
        raise


async def _still(scope: Scope) -> bool:
    """Say whether the caller may still see it: a token is revoked, a member leaves, an app is deleted."""
    try:
        await ask(_found, scope)
    except MinatoError:
        return False
    return True


def _after(scope: Scope) -> str:
    """Return the id that the reader saw last, from the header or, for programs, the query; "" for none."""
    given = header(scope, "last-event-id") or _asked(scope, "after")
    return given if PLACE.match(given) else ""


def _asked(scope: Scope, name: str) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get(name, [""])[-1][:200]


async def _deploy_events(deploy: str, after: str) -> AsyncGenerator[Event, None]:
    async with aclosing(story.follow(deploy, after=after)) as entries:
        async for id_, fields in entries:
            yield Event(fields.get("k", "body"), fields, id_)


def _log_events(scope: Scope, app: str) -> Events:
    wanted = Filter(**{name: _asked(scope, name) for name in ("source", "process", "level", "q")})
    lines = _asked(scope, "lines")
    newest = min(int(lines), MOST_LINES) if lines.isascii() and lines.isdigit() else LINES
    after = _after(scope)
    return tail.follow(app, wanted=wanted, newest=newest, after="" if "~" in after else after)
