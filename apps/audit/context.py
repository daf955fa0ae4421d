"""Who is being served right now: what every audit row of one request shares."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """One request's id and the address it came from; both are empty outside a request."""

    request_id: str = ""
    address: str = ""


NOBODY = Client()
current: ContextVar[Client] = ContextVar("client", default=NOBODY)
