"""Server-sent events over raw ASGI: bounded, with heartbeats, and gone with its reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from doors import Receive, Send
from doors.http import begin

HEARTBEAT = 15.0  # seconds
ALLOWED_FOR = 30.0  # seconds after which the reader's right is looked at again
MOST_WAITING = 64  # events between a stream and its reader's socket
HEADERS = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),
)


@dataclass(frozen=True)
class Event:
    """One event. Without an id a reader's place stays where it was."""

    name: str
    data: object
    id: str = ""

    def encode(self) -> bytes:
        id_ = f"id: {self.id}\n".encode() if self.id else b""
        return id_ + f"event: {self.name}\n".encode() + b"data: " + orjson.dumps(self.data) + b"\n\n"


Events = AsyncGenerator[Event, None]


async def stream(
    events: Events, receive: Receive, send: Send, *, request: str, allowed: Callable[[], Awaitable[bool]]
) -> None:
    """Send events until they end, the reader goes, or `allowed` says no; then nothing of it is left."""
    await begin(send, 200, [*HEADERS, ("X-Request-ID", request)])
    await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
    waiting: asyncio.Queue[Event | None] = asyncio.Queue(MOST_WAITING)
    tasks = [
        asyncio.create_task(_produce(events, waiting)),
        asyncio.create_task(_send(waiting, send)),
        asyncio.create_task(_gone(receive)),
        asyncio.create_task(_until_forbidden(allowed)),
    ]
    try:
        await asyncio.wait(tasks[1:], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _produce(events: Events, waiting: asyncio.Queue[Event | None]) -> None:
    try:
        async with aclosing(events):
            async for event in events:
                await waiting.put(event)
    finally:
        await waiting.put(None)


async def _send(waiting: asyncio.Queue[Event | None], send: Send) -> None:
    while True:
        try:
            event = await asyncio.wait_for(waiting.get(), HEARTBEAT)
        except TimeoutError:
            await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
            continue
        body = b""
        while event is not None:
            body += event.encode()
            if waiting.empty():
                break
            event = waiting.get_nowait()
        if body:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        if event is None:
            return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_forbidden(allowed: Callable[[], Awaitable[bool]]) -> None:
    while True:
        await asyncio.sleep(ALLOWED_FOR)
        if not await allowed():
            return
