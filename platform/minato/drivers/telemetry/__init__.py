"""The telemetry store: ClickHouse's HTTP interface, spoken by `telemetryd` or a ClickHouse server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from minato.errors import PlatformError
from minato.values.log import Line

LONGEST = 64 * 1024  # characters of a line's text; what writes lines joins no more


class Telemetry(Protocol):
    """Raises PlatformError `telemetry:platform:*` when the store is away; no caller stops a push for it."""

    def migrate(self) -> list[str]:
        """Apply the schema of `minato/observe/schema/`; return the names of what was applied."""

    def write(self, lines: Iterable[Line]) -> None:
        """Store lines durably; the same id twice is one line."""

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a bounded SELECT; `{name:Type}` in the SQL takes `parameters[name]`."""

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
        """Return an app's newest lines in order of time, each id once.

        `before` and `since` are RFC 3339 times (exclusive, inclusive). Without `build` (a build's or deploy's id) the
        lines of builds are left out. `process` is `web` or `web.1`; every word of `q` must occur, in any case.
        A text of more than `longest` characters is cut.
        """

    def delete(self, app: str) -> None:
        """Remove all that is stored of an app."""

    def ready(self) -> bool: ...


def away(error: Exception | str) -> PlatformError:
    """Return what every method raises when the store does not answer."""
    return PlatformError(code="telemetry:platform:away", message="The log store is away.", evidence=str(error))
