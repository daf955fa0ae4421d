"""One git service process behind one request: bytes in, bytes out, in bounded memory, and never a stuck pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import zlib
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from doors import Receive, Send
from minato.drivers.git import commands
from minato.drivers.git.cli import limit
from minato.receive.gunzip import Gunzip, TooLarge

PIECE = 65536
BODY = commands.PACK_LIMIT + 16 * 1024 * 1024
"""Bytes of a request's body, opened; git's own limit on the pack comes first and has the better words."""


@dataclass(kw_only=True)
class Patience:
    """Seconds: without a byte from the client, for a whole upload, for a client that takes nothing, for git to end."""

    idle: float = 60.0
    whole: float = 1800.0
    stalled: float = 60.0
    grace: float = 3.0


@dataclass(kw_only=True)
class Exchange:
    """One request that is served by one process."""

    argv: list[str]
    env: dict[str, str]
    outlives: bool = True  # it goes on when the client has gone
    gzip: bool = False
    patience: Patience = field(default_factory=Patience)
    busy: Callable[[], bool] = lambda: False  # true while the platform works for this push: then nothing is killed
    fed: Callable[[], None] = lambda: None  # the body is in

    async def run(self, receive: Receive, send: Send) -> None:
        """Serve it to the end, whatever the client does meanwhile. The response has been begun."""
        process = await start(self.argv, self.env)
        feeder = asyncio.create_task(self._feed(process, receive))
        try:
            listening = await self._drain(process, send)
            await (
                feeder
            )  # the response ends after the request: else the server stops reading, and the client sees no reason
            if listening:
                await self._last(send)
        finally:
            feeder.cancel()
            await self._end(process)

    async def _feed(self, process: Process, receive: Receive) -> None:
        """Carry the body to git; a cut body closes git's input, waits, then ends git.

        After a refusal of git's the body is still read: only then does the client read the reason.
        """
        assert process.stdin is not None
        whole = False
        try:
            async with asyncio.timeout(self.patience.whole):
                whole = await self._body(process.stdin, receive)
        except TimeoutError:
            whole = False
        finally:
            self.fed()
            process.stdin.close()
        if not whole:
            await self._cut(process)

    async def _body(self, stdin: asyncio.StreamWriter, receive: Receive) -> bool:
        """Return true when the body came whole."""
        opened = opener(self.gzip)
        deaf, taken = False, 0
        while True:
            message = await asyncio.wait_for(receive(), self.patience.idle)
            if message["type"] == "http.disconnect":
                return False
            data = message.get("body", b"")
            taken += len(data)
            if taken > BODY:
                return False
            deaf = deaf or not await poured(stdin, opened, data)
            if not message.get("more_body", False):
                return True

    async def _cut(self, process: Process) -> None:
        for hit in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.patience.grace)
                return
            if self.busy():
                return
            kill(process, hit)

    async def _drain(self, process: Process, send: Send) -> bool:
        """Carry git's output to the client, and say whether it was there to the end.

        When it has gone we read on, so that neither git nor the hook ever blocks; a fetch is ended.
        """
        assert process.stdout is not None
        gone = False
        while data := await process.stdout.read(PIECE):
            if not gone:
                gone = not await self._sent(send, data)
                if gone and not self.outlives:
                    kill(process, signal.SIGTERM)
        return not gone

    async def _last(self, send: Send) -> None:
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _sent(self, send: Send, data: bytes) -> bool:
        try:
            message = {"type": "http.response.body", "body": data, "more_body": True}
            await asyncio.wait_for(send(message), self.patience.stalled)
        except OSError:  # a TimeoutError too
            return False
        return True

    async def _end(self, process: Process) -> None:
        """Reap the process. It has closed its output, so it is about to end."""
        try:
            await asyncio.wait_for(process.wait(), self.patience.grace)
        except TimeoutError:
            kill(process, signal.SIGKILL)
            await process.wait()


def opener(gzip: bool) -> Callable[[bytes], Iterator[bytes]]:
    """Return what turns a piece of the body into pieces for git."""
    if gzip:
        return Gunzip(BODY).feed
    return lambda data: iter((data,) if data else ())


async def poured(stdin: asyncio.StreamWriter, opened: Callable[[bytes], Iterator[bytes]], data: bytes) -> bool:
    """Write a piece of the body; false when git takes no more, or the piece is none that may be opened."""
    if stdin.is_closing():
        return False
    try:
        for piece in opened(data):
            stdin.write(piece)
            await stdin.drain()
    except (ConnectionError, zlib.error, TooLarge):
        stdin.close()
        return False
    return True


async def start(argv: list[str], env: dict[str, str]) -> Process:
    """Start a limited git process in a session of its own, reading from and writing to us."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=commands.environment(env),
        start_new_session=True,
        limit=PIECE,
    )
    limit(process.pid)
    return process


def kill(process: Process, hit: signal.Signals) -> None:
    """Signal the process and all it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, hit)


async def whole_output(argv: list[str], env: dict[str, str], *, timeout: float = 30.0) -> bytes:
    """Return the output of a short service process. Raises TimeoutError, OSError when it failed."""
    process = await start(argv, env)
    try:
        out, _ = await asyncio.wait_for(process.communicate(), timeout)
    except BaseException:
        kill(process, signal.SIGKILL)
        raise
    if process.returncode != 0:
        raise OSError(f"git ended with {process.returncode}")
    return out
