"""The other end of the proc-receive hook: a Unix socket, one connection per push.

`admit` gives a push an id that cannot be guessed; git hands it to the hook, the hook shows it here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.access.viewer import Viewer
from doors.desk import Target
from minato.children import hook as child
from minato.values.config import Config
from minato.values.source import RefChange

log = logging.getLogger(__name__)

QUESTION = 8 * 1024 * 1024
"""Bytes of the hook's question: some 60,000 refs."""

Say = Callable[[str], Awaitable[None]]


@dataclass(kw_only=True)
class Push:
    """One admitted push: who pushes what into which repository."""

    target: Target
    viewer: Viewer
    repository: Path
    deciding: bool = False  # the hook has asked and waits for its verdicts


Decide = Callable[[Push, Sequence[RefChange], bool, Say], Awaitable[dict[str, str]]]


class Hooks:
    """The hooks folder, the socket, and the pushes under way."""

    def __init__(self, config: Config, decide: Decide) -> None:
        self._config = config
        self._decide = decide
        self._pushes: dict[str, Push] = {}
        self._server: asyncio.Server | None = None  # held: a server that nobody holds is collected, its socket dies
        self._starting = asyncio.Lock()

    @property
    def folder(self) -> Path:
        return self._config.hook_socket.parent / "hooks"

    async def ensure(self) -> None:
        """Write the hook and listen; no error if that has happened."""
        async with self._starting:
            if self._server is None:
                install(self.folder)
                self._config.hook_socket.unlink(missing_ok=True)
                path = str(self._config.hook_socket)
                self._server = await asyncio.start_unix_server(self._answer, path, limit=QUESTION)
                self._config.hook_socket.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @contextlib.contextmanager
    def admit(self, push: Push) -> Iterator[dict[str, str]]:
        """Yield the environment by which this push's hook finds us, as long as the push lasts."""
        id_ = secrets.token_urlsafe(24)
        self._pushes[id_] = push
        try:
            yield {"MINATO_PUSH": id_, "MINATO_HOOK_SOCKET": str(self._config.hook_socket)}
        finally:
            del self._pushes[id_]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            verdicts = await self._converse(reader, writer)
            writer.write(b"R " + json.dumps(verdicts).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("a hook's conversation broke off: %s", error)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, str]:
        question = json.loads(await reader.readline())
        changes = [RefChange(old=str(old), new=str(new), ref=str(ref)) for old, new, ref in question["changes"]]
        push = self._pushes.get(question["push"])
        if push is None:
            return {change.ref: "the platform was restarted; push again" for change in changes}

        async def say(text: str) -> None:
            with contextlib.suppress(OSError):  # the hook may be killed: the deploy goes on without it
                writer.write(b"L " + text.encode("utf-8", "replace").replace(b"\n", b" ") + b"\n")
                await writer.drain()

        push.deciding = True
        try:
            return await self._decide(push, changes, bool(question["atomic"]), say)
        finally:
            push.deciding = False


def install(folder: Path) -> None:
    """Put the hook program where git runs it, outside every repository; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o700)
    aside = folder / f".{secrets.token_hex(4)}"
    interpreter = Path(sys.executable).resolve()
    aside.write_text(f"#!{interpreter} -IS\n{Path(child.__file__).read_text()}")
    aside.chmod(0o500)
    os.replace(aside, folder / "proc-receive")  # noqa: PTH105 - atomic also over a read-only file
