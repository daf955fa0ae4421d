"""Live streams: one Redis Stream per build, deploy and app. A cache of what is stored elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from minato.errors import PlatformError

Entry = tuple[str, dict[str, str]]
MOST = 20_000  # entries per stream, about


class Streams(Protocol):
    """Ids are `<fence>-<seq>` for builds and deploys, Redis' own for logs and nudges."""

    def add(self, stream: str, entries: Sequence[tuple[str, Mapping[str, str]]], *, most: int = MOST) -> int:
        """Append entries with explicit ids ("*" for Redis' own), keep about `most`; return how many were taken.

        An id at or below the newest is a superseded attempt's: refused silently. Raises PlatformError
        `streams:platform:away` when Redis is away.
        """

    def read(self, stream: str, *, after: str = "0", limit: int = 1000) -> list[Entry]: ...

    def follow(self, stream: str, *, after: str = "0", block: float = 1.0) -> Iterator[list[Entry]]:
        """Yield batches as they come, an empty one every `block` seconds (1 at most); never ends by itself.

        While Redis is away it yields empty batches, and goes on after the last id when it is back.
        """

    def end(self, stream: str, *, keep: float = 3600.0) -> None:
        """Let a finished stream expire after `keep` seconds."""

    def remove(self, stream: str) -> None: ...

    def nudge(self, channel: str) -> None:
        """Tell whoever waits on a channel to look again; lost nudges and a lost Redis are harmless."""

    def wait(self, channel: str, *, timeout: float) -> bool:
        """Return true at a nudge; sleeps the time-out when Redis is away."""


def away(error: Exception) -> PlatformError:
    """Return what every method raises when Redis does not answer."""
    return PlatformError(code="streams:platform:away", message="Live streams are away.", evidence=str(error))
