"""The telemetry store: ClickHouse's HTTP interface, spoken by `telemetryd` or a ClickHouse server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from minato.values.log import Line


class Telemetry(Protocol):
    """Raises PlatformError `telemetry:platform:*` when the store is away; no caller stops a push for it."""

    def migrate(self) -> list[str]:
        """Apply the schema of `minato/observe/schema/`; return the names of what was applied."""

    def write(self, lines: Iterable[Line]) -> None:
        """Store lines durably; the same id twice is one line."""

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]: ...

    def lines(self, app: str, *, limit: int = 200, before: str = "", build: str = "", source: str = "", process: str = "") -> list[Line]:
        """Return an app's newest lines in order of time; `before` is an RFC 3339 time."""

    def delete(self, app: str) -> None:
        """Remove all that is stored of an app."""

    def ready(self) -> bool: ...
