"""What a deploy or build says: to the live stream at once, to the store by way of a file on disk.

Nothing here ever fails a deploy: while Redis is away lines wait in memory, while the store is away they wait in
`var/data/spool` and `ship` catches up.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from minato.drivers.streams import Streams
from minato.drivers.telemetry import Telemetry
from minato.errors import MinatoError, PlatformError
from minato.observe.story import stored
from minato.values.build import Phase
from minato.values.config import Config
from minato.values.log import Line

log = logging.getLogger(__name__)

LONGEST = 8 * 1024  # characters of a line
MOST_WAITING = 20_000
RETRY = 1.0  # seconds between two tries while Redis is away
BATCH = 1000


class Voice:
    """The writer of one stream at one fence: `deploy:<uid>` or `build:<uid>`, entry ids `<fence>-<seq>`."""

    def __init__(self, *, stream: str, app: str, fence: int, streams: Streams, config: Config, first: int = 1) -> None:
        self._stream = stream
        self._subject = stream.partition(":")[2]
        self._app = app
        self._fence = fence
        self._streams = streams
        self._file = spool(config) / f"{self._subject}.jsonl"
        self._next = first
        self._waiting: deque[tuple[str, Mapping[str, str]]] = deque(maxlen=MOST_WAITING)
        self._away_until = 0.0
        self._lock = threading.Lock()
        self.last_at = time.monotonic()  # of the last line, for the silence that ends a build

    def head(self, text: str) -> None:
        self.say("head", text)

    def body(self, text: str) -> None:
        self.say("body", text)

    def warn(self, text: str) -> None:
        self.say("warn", text)

    def say(self, kind: str, text: str) -> None:
        """Say one line, or each line of a text."""
        self.last_at = time.monotonic()
        for line in text.splitlines() or [""]:
            self._write({"k": kind, "t": line[:LONGEST]})

    def phase(self, phase: Phase) -> None:
        self.last_at = time.monotonic()
        self._write({"k": "phase", "t": json.dumps(asdict(phase))})

    def build(self, uid: str) -> None:
        """From here on the reader is told that build's stream, up to its end."""
        self._write({"k": "build", "t": uid})

    def error(self, title: str, error: MinatoError) -> None:
        """Say what went wrong: the reason, the evidence, and what to do next."""
        self.warn(f"{title}{error.message}")
        for line in error.evidence.splitlines():
            self.body(line)
        for line in error.hint.splitlines():
            self.warn(line)

    def end(self, outcome: str, *, code: str = "", message: str = "") -> None:
        """The last entry of a stream."""
        self._away_until = 0.0  # whoever waits for it must not wait for another line
        self._write({"k": "end", "t": outcome, "code": code, "message": message})
        try:
            self._streams.end(self._stream)
            self._streams.nudge(self._stream)
        except PlatformError as error:
            log.warning("%s: the end is not in the stream: %s", self._stream, error)

    def _write(self, fields: Mapping[str, str]) -> None:
        with self._lock:
            id_ = f"{self._fence}-{self._next}"
            self._next += 1
            self._keep(id_, fields)
            self._waiting.append((id_, fields))
            if time.monotonic() >= self._away_until:
                self._push()

    def _push(self) -> None:
        try:
            self._streams.add(self._stream, list(self._waiting))
        except PlatformError as error:
            self._away_until = time.monotonic() + RETRY
            log.warning("%s: %d lines wait: %s", self._stream, len(self._waiting), error)
        else:
            self._waiting.clear()

    def _keep(self, id_: str, fields: Mapping[str, str]) -> None:
        line = stored(
            app=self._app, stream=self._subject, id=id_, kind=fields["k"], text=fields["t"], at=datetime.now(UTC)
        )
        if line is None:
            return
        try:
            with self._file.open("a") as file:
                file.write(json.dumps({**asdict(line), "at": line.at.isoformat()}) + "\n")
        except OSError as error:
            log.warning("%s: a line is not kept: %s", self._stream, error)


def voice(kind: str, uid: str, *, app: str, fence: int, streams: Streams) -> Voice:
    """Return the writer of `deploy` or `build` `uid` at `fence`."""
    return Voice(stream=f"{kind}:{uid}", app=app, fence=fence, streams=streams, config=settings.MINATO)


def spool(config: Config) -> Path:
    folder = config.var / "data" / "spool"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def ship(subject: str, *, telemetry: Telemetry, config: Config) -> bool:
    """Give a build's or deploy's kept lines to the store; false while it is away. Twice is once."""
    file = spool(config) / f"{subject}.jsonl"
    if not file.exists():
        return True
    lines = [_line(raw) for raw in file.read_text(errors="replace").splitlines() if raw.endswith("}")]
    try:
        for start in range(0, len(lines), BATCH):
            telemetry.write(lines[start : start + BATCH])
    except PlatformError as error:
        log.info("%s: %d lines wait on disk: %s", subject, len(lines), error)
        return False
    file.unlink(missing_ok=True)
    return True


def _line(raw: str) -> Line:
    fields = json.loads(raw)
    return Line(**{**fields, "at": datetime.fromisoformat(fields["at"])})
