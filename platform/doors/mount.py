"""The doors beside Django, by path."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from typing import Protocol

from doors import Application, Receive, Scope, Send
from doors.bounds import Bounded

log = logging.getLogger(__name__)

DOORS = (
    ("doors.git", "GitDoor"),
    ("doors.uploads", "UploadDoor"),
    ("doors.events", "EventsDoor"),
    ("doors.agents", "AgentsDoor"),
)


class Door(Protocol):
    """A path and what lies behind it.

    It may also have `start()` and `stop()`, awaited once each, and `wants(scope)` where Django serves the same path.
    """

    def matches(self, path: str) -> bool: ...
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Doors:
    """Tries each door in order; Django has the rest."""

    def __init__(self, django: Application, doors: list[Door] | None = None) -> None:
        self._django = Bounded(django)
        self.doors = doors if doors is not None else [_open(module, name) for module, name in DOORS if _there(module)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._door(scope)(scope, receive, send)

    def _door(self, scope: Scope) -> Application:
        return next((door for door in self.doors if door.matches(scope["path"]) and _wants(door, scope)), self._django)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start the doors before the first request, stop them after the last."""
        while True:
            message = await receive()
            step = message["type"].removeprefix("lifespan.")
            await self._all("start" if step == "startup" else "stop")
            await send({"type": f"lifespan.{step}.complete"})
            if step == "shutdown":
                return

    async def _all(self, act: str) -> None:
        for door in self.doors:
            method = getattr(door, act, None)
            if method is not None:
                await method()


def _wants(door: Door, scope: Scope) -> bool:
    wants = getattr(door, "wants", None)
    return wants is None or bool(wants(scope))


def _there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _open(module: str, name: str) -> Door:
    door: Door = getattr(importlib.import_module(module), name)()
    return door
