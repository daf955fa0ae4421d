"""HTTP/1.1 with a bound on what is read before anybody may look: uvicorn itself keeps a head of any size, for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LARGEST = 64 * 1024  # bytes of a head, or of anything else that is neither head nor body (trailers, chunk extensions)
WITHIN = 15.0  # seconds from the connection, or from a later request's first byte, to the end of the head


class Careful(HttpToolsProtocol):
    """One connection. `_unseen` counts the bytes since the last head or piece of a body was handed on."""

    _unseen = 0
    _in_head = True
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wind()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwind()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unseen += len(data)
        super().data_received(data)
        if self._unseen > LARGEST and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._wind()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are not headers: nobody adds one after the application has begun."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._unseen = False, 0
        self._unwind()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unseen = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unseen = 0
        super().on_message_complete()

    def _wind(self) -> None:
        if self._clock is None:
            self._clock = self.loop.call_later(WITHIN, self._refuse, 408)

    def _unwind(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, status: int) -> None:
        """Answer if no other answer is under way, and hang up."""
        self._unwind()
        if self.transport.is_closing():
            return
        cycle: Any = self.cycle
        if self._in_head and (cycle is None or cycle.response_complete):
            self.transport.write(STATUS_LINE[status] + b"connection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()
