"""`/internal/v1/nodes/<name>`: an agent asks what its node should be (held up to 25 s) and says what it is.

A node's token opens that node alone; another node's name is answered like one that never existed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

import orjson

from apps.deploys import nodes
from apps.instances.models import Node
from doors import Receive, Scope, Send
from doors.database import ask
from doors.http import answer, declared_length, header, problem, request_id
from doors.hub import hub
from minato.errors import MinatoError, PlatformError, UserError
from minato.values.router import Observed, RouterState

log = logging.getLogger(__name__)

PREFIX = "/internal/v1/"
PATH = re.compile(r"^/internal/v1/nodes/([a-z0-9-]{1,30})/(desired|observed)$")
METHODS = {"desired": "GET", "observed": "PUT"}
HOLD = 25.0
AGAIN = 0.5  # seconds between two looks: what a lost nudge costs
LONGEST = 1 << 20  # bytes of a report
SLOWEST = 10.0  # seconds until a report must have come

STATUS = {
    "agents:user:token": 401,
    "agents:user:unknown": 404,
    "agents:user:method": 405,
    "agents:user:too-large": 413,
    "agents:user:malformed": 400,
    "agents:user:slow": 408,
}

Wait = Callable[[float], Awaitable[object]]


class AgentsDoor:
    """Tests hand in how long to hold, and how to wait for a nudge."""

    def __init__(self, *, hold: float = HOLD, wait: Wait | None = None) -> None:
        self._hold = hold
        self._wait = wait or nudged

    def matches(self, path: str) -> bool:
        return path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = request_id(scope)
        try:
            node, act = await admit(scope)
            if act == "desired":
                await self._desired(scope, receive, send, node)
            else:
                await observed(scope, receive, send, node)
        except Exception as error:
            await refuse(send, error, request)

    async def _desired(self, scope: Scope, receive: Receive, send: Send, node: str) -> None:
        """Answer with the state as soon as there is a newer one, 204 when the time is over."""
        after = _after(scope)
        gone = asyncio.create_task(_gone(receive))
        try:
            state = await self._newer(node, after, gone)
        finally:
            gone.cancel()
        if state is not None:
            await answer(send, 200, orjson.dumps(state.to_json()), [("Content-Type", "application/json")])
        else:
            await answer(send, 204, b"", [])

    async def _newer(self, node: str, after: int, gone: asyncio.Task[None]) -> RouterState | None:
        until = time.monotonic() + self._hold
        state = await ask(nodes.desired, node, after)
        while state is None and not gone.done() and (left := until - time.monotonic()) > 0:
            await self._wait(min(AGAIN, left))
            state = await ask(nodes.desired, node, after)
        return state


async def nudged(seconds: float) -> None:
    """Wait for somebody to move the router's generation, at most so long; a lost Redis only costs the wait."""
    try:
        await hub().wait("node", timeout=seconds)
    except MinatoError:
        await asyncio.sleep(seconds)


async def admit(scope: Scope) -> tuple[str, str]:
    """Return the node's name and what it wants. Raises UserError `agents:user:*`."""
    kind, _, secret = header(scope, "authorization").partition(" ")
    name = await ask(holder, secret) if kind.lower() == "bearer" and secret else ""
    if not name:
        raise UserError(code="agents:user:token", message="This needs the token of a node.")
    match = PATH.match(scope["path"])
    if match is None or match[1] != name:
        raise UserError(code="agents:user:unknown", message="There is nothing here.")
    if scope["method"] != METHODS[match[2]]:
        raise UserError(code="agents:user:method", message=f"Only {METHODS[match[2]]} is answered here.")
    return name, match[2]


def holder(secret: str) -> str:
    """Return the name of the node whose token this is, or ""."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    row = Node.objects.filter(token_sha256=digest).first()
    return row.name if row and hmac.compare_digest(row.token_sha256, digest) else ""


async def observed(scope: Scope, receive: Receive, send: Send, node: str) -> None:
    """Record a report."""
    raw = await _body(scope, receive)
    try:
        report = Observed.from_json(orjson.loads(raw))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(code="agents:user:malformed", message="This is no report.", evidence=str(error)) from error
    if report.node != node:
        raise UserError(code="agents:user:malformed", message="This is another node's report.")
    await ask(nodes.observe, node, report)
    await answer(send, 204, b"", [])


async def refuse(send: Send, error: Exception, request: str) -> None:
    if not isinstance(error, MinatoError):
        log.exception("agents %s", request)
        error = PlatformError(code="agents:platform:failed", message="The platform failed.")
    await problem(send, STATUS.get(error.code, 500), error, request)


def _after(scope: Scope) -> int:
    values = parse_qs(scope["query_string"].decode("latin-1")).get("after", ["0"])
    if not re.fullmatch(r"\d{1,9}", values[0], re.ASCII):
        raise UserError(code="agents:user:malformed", message="`after` is the number of a generation.")
    return int(values[0])


async def _body(scope: Scope, receive: Receive) -> bytes:
    too_large = UserError(code="agents:user:too-large", message=f"A report has at most {LONGEST} bytes.")
    if declared_length(scope) > LONGEST:
        raise too_large
    body = bytearray()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SLOWEST):
            while len(body) <= LONGEST:
                message = await receive()
                body += message.get("body", b"")
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return bytes(body)
            raise too_large
    raise UserError(code="agents:user:slow", message=f"The report did not come within {SLOWEST:.0f} s.")


async def _gone(receive: Receive) -> None:
    """Return when the agent has left: nobody is held for a dead one."""
    while (await receive())["type"] != "http.disconnect":
        pass
