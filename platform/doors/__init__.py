"""Raw ASGI beside Django: git, uploads, live events, agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def mount(django: Application) -> Application:
    """Return the application that tries each door by path and leaves the rest to Django."""
    from doors.mount import Doors

    return Doors(django)
