"""`docker exec` over a socket of our own: input and output at once, nothing lost between header and first byte."""

from __future__ import annotations

import itertools
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from minato.drivers.engine import Output
from minato.drivers.engine.client import VERSION
from minato.errors import Cancelled, PlatformError

FRAME = struct.Struct(">BxxxL")
TICK = 0.5
CHUNK = 1 << 16
SENDER_PATIENCE = 5.0


def start(path: Path, exec_id: str) -> tuple[socket.socket, bytes]:
    """Start an exec; return its connection and the output that came with the header.

    Raises OSError if the engine is away, PlatformError `engine:platform:refused` if it does not start the command.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(path))
    body = json.dumps({"Detach": False, "Tty": False}).encode()
    head = (
        f"POST /v{VERSION}/exec/{exec_id}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    answer, rest = _header(connection)
    if answer.split(b" ", 2)[1:2] != [b"101"]:
        connection.close()
        raise PlatformError(code="engine:platform:refused", message=rest.decode(errors="replace").strip())
    return connection, rest


def _header(connection: socket.socket) -> tuple[bytes, bytes]:
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(CHUNK)
        if not piece:
            raise ConnectionError("the engine closed the connection")
        got += piece
    head, _, rest = got.partition(b"\r\n\r\n")
    return head, rest


class Demux:
    """Docker's frames of 8 bytes header and payload, fed in pieces of any size."""

    def __init__(self) -> None:
        self.held = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take what came; yield the payload of stdout and stderr at once, not waiting for whole frames."""
        self.held += piece
        while len(self.held) >= FRAME.size:
            kind, size = FRAME.unpack_from(self.held)
            have = min(size, len(self.held) - FRAME.size)
            if size and not have:
                return
            yield bytes(self.held[FRAME.size : FRAME.size + have])
            del self.held[: FRAME.size + have]
            if have < size:
                self.held[:0] = FRAME.pack(kind, size - have)
                return


class Run:
    """One exec from start to end of output.

    `over` tells whether the command itself is gone; asked in silence, because a child of it may hold the output open.
    """

    def __init__(self, path: Path, exec_id: str, *, over: Callable[[], bool]) -> None:
        self.path = path
        self.exec_id = exec_id
        self.over = over

    def follow(
        self, output: Output, *, stdin: BinaryIO | None, stop: Callable[[], bool] | None, deadline: float
    ) -> None:
        """Pass output on as it comes, stream `stdin` in from a thread; raises what `check` raises."""
        until = time.monotonic() + deadline if deadline else 0.0
        connection, rest = start(self.path, self.exec_id)
        with connection:
            sender = threading.Thread(target=send, args=(connection, stdin), name="exec stdin", daemon=True)
            if stdin:
                sender.start()
            demux = Demux()
            try:
                for piece in itertools.chain([rest], self._pieces(connection, lambda: check(stop, until))):
                    for payload in demux.feed(piece):
                        output(payload)
            finally:
                # Ends a sender that waits for a command which reads no more.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                if stdin:
                    sender.join(SENDER_PATIENCE)

    def _pieces(self, connection: socket.socket, check: Callable[[], None]) -> Iterator[bytes]:
        """Yield what arrives until the end; `check` may raise, and is asked at least every half second."""
        asked = time.monotonic()
        while True:
            readable = bool(select.select([connection], [], [], TICK)[0])
            if not readable or time.monotonic() - asked > TICK:
                check()
                asked = time.monotonic()
            if not readable and self.over():
                return
            if readable:
                piece = connection.recv(CHUNK)
                if not piece:
                    return
                yield piece


def check(stop: Callable[[], bool] | None, until: float) -> None:
    """Raise Cancelled if `stop` says so, PlatformError if the monotonic time `until` has passed (0 for never)."""
    if stop and stop():
        raise Cancelled
    if until and time.monotonic() > until:
        raise PlatformError(code="engine:platform:deadline", message="A command took longer than it may.")


def send(connection: socket.socket, source: BinaryIO) -> None:
    """Stream `source` into the command, then end its input."""
    # A command that ends before its input does closes the pipe: its exit code tells the story, not this.
    with suppress(OSError):
        while piece := source.read(CHUNK):
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
