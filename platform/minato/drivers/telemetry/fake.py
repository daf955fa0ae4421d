"""A telemetry store in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from minato.drivers.telemetry import LONGEST, away
from minato.values.log import Filter, Line


class FakeTelemetry:
    """Implements Telemetry. `down = True` is a store that has gone away; `answers` maps SQL to rows."""

    def __init__(self) -> None:
        self.down = False
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.schema: list[str] = []
        self._kept: dict[tuple[str, str, str], Line] = {}
        self._lock = threading.Lock()

    def migrate(self) -> list[str]:
        self._answer()
        applied = [] if self.schema else ["0001_lines.sql"]
        self.schema += applied
        return applied

    def write(self, lines: Iterable[Line]) -> None:
        self._answer()
        with self._lock:
            self._kept.update({(line.app, line.build, line.id): line for line in lines})

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._answer()
        return self.answers.get(sql, [])

    def lines(
        self,
        app: str,
        *,
        limit: int = 200,
        before: str = "",
        since: str = "",
        build: str = "",
        source: str = "",
        process: str = "",
        level: str = "",
        q: str = "",
        longest: int = LONGEST,
    ) -> list[Line]:
        self._answer()
        wanted = Filter(source=source, process=process, level=level, q=q)
        earliest = datetime.fromisoformat(since or "0001-01-01T00:00:00+00:00")
        latest = datetime.fromisoformat(before or "9999-01-01T00:00:00+00:00")
        with self._lock:
            of_app = [line for line in self._kept.values() if (line.app, line.build) == (app, build)]
        found = [line for line in of_app if wanted.takes(line) and earliest <= line.at < latest]
        return [line.cut(longest) for line in sorted(found, key=lambda line: (line.at, line.id))[-limit:]]

    def delete(self, app: str) -> None:
        self._answer()
        with self._lock:
            self._kept = {key: line for key, line in self._kept.items() if line.app != app}

    def ready(self) -> bool:
        return not self.down

    def clear(self) -> None:
        """Forget everything, for a test that begins."""
        with self._lock:
            self._kept.clear()
        self.down = False

    def _answer(self) -> None:
        if self.down:
            raise away("the fake is down")
