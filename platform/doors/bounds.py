"""What Django is given to read: a small body that comes in time. Else it would spool any size before its first look.

A door that takes large bodies has limits of its own.
"""

from __future__ import annotations

import asyncio
import time

from doors import Application, Message, Receive, Scope, Send
from doors.http import declared_length, problem, request_id
from minato.errors import UserError

LARGEST = 2 << 20  # bytes; the API's own limit on JSON is half of it and has the better words
WITHIN = 60.0  # seconds from the head to the last byte of a body
GONE: Message = {"type": "http.disconnect"}
CLOSE = [("Connection", "close")]


def too_large() -> UserError:
    return UserError(
        code="api:user:too-large",
        message=f"A request's body may have {LARGEST >> 10} KiB here.",
        hint="Source goes to /api/v1/apps/<app>/sources, or by git push.",
    )


def too_slow() -> UserError:
    return UserError(code="api:user:slow", message=f"The request's body did not come within {WITHIN:.0f} s.")


class Bounded:
    """An application in front of another. What is too large or too slow is answered here; the other sees it gone."""

    def __init__(self, application: Application, *, within: float = WITHIN) -> None:
        self._application = application
        self._within = within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if declared_length(scope) > LARGEST:
            await problem(send, 413, too_large(), request_id(scope), CLOSE)
            return
        body = _Body(scope, receive, send, until=time.monotonic() + self._within)
        await self._application(scope, body.receive, body.send)


class _Body:
    """One request's body on its way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, until: float) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._until, self._size = until, 0
        self._whole = self._refused = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._until - time.monotonic())
        except TimeoutError:
            return await self._refuse(408, too_slow())
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        return message if self._size <= LARGEST else await self._refuse(413, too_large())

    async def send(self, message: Message) -> None:
        if not self._refused:
            await self._send(message)

    async def _refuse(self, status: int, error: UserError) -> Message:
        self._whole = self._refused = True
        await problem(self._send, status, error, request_id(self._scope), CLOSE)
        return GONE
