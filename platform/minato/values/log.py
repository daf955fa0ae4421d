"""A line of a log, in the stream, in the store and on a screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line. `id` makes a replay harmless: (container, generation, offset) or `<fence>-<seq>`."""

    id: str
    at: datetime
    app: str  # public id
    source: str  # app | minato | build
    process: str  # web.1, router, release.1, build
    text: str
    release: str = ""  # v6
    build: str = ""
    level: str = ""  # error, warning, info, debug or ""
    status: int = 0  # HTTP status of a router line
    container: str = ""

    def cut(self, most: int) -> Line:
        """Return it with at most so many characters of text; " …" says that there are more."""
        return self if len(self.text) <= most else replace(self, text=f"{self.text[:most]} …")

    def render(self) -> str:
        """Return Heroku's form: time, source[process]: message."""
        return f"{self.at.isoformat(timespec='microseconds')} {self.source}[{self.process}]: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which lines somebody wants to see. `process` is `web` or `web.1`; every word of `q` must occur, in any case."""

    source: str = ""
    process: str = ""
    level: str = ""
    q: str = ""

    def takes(self, line: Line) -> bool:
        return (
            self.source in ("", line.source)
            and self.process in ("", line.process, line.process.split(".")[0])
            and self.level in ("", line.level)
            and all(word in line.text.lower() for word in self.q.lower().split())
        )
