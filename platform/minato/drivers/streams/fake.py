"""Streams in memory: the same refusals, limits and waits as Redis."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from minato.drivers.streams import Entry, away
from minato.drivers.streams.wire import MOST, nudge_key, number


class FakeStreams:
    """Implements Streams. `down = True` is a Redis that has gone away."""

    def __init__(self) -> None:
        self.down = False
        self.streams: dict[str, list[Entry]] = {}
        self.expires: dict[str, float] = {}
        self.changed = threading.Condition()
        self._top: dict[str, tuple[int, int]] = {}
        self._seen: dict[str, str] = {}
        self._count = itertools.count()

    def add(self, stream: str, entries: Sequence[tuple[str, Mapping[str, str]]], *, most: int = MOST) -> int:
        self._answer()
        with self.changed:
            taken = sum(self._append(stream, id_, fields) for id_, fields in entries)
            self.streams.setdefault(stream, [])
            del self.streams[stream][:-most]
            self.changed.notify_all()
        return taken

    def read(self, stream: str, *, after: str = "0", limit: int = 1000) -> list[Entry]:
        self._answer()
        with self.changed:
            self._expire(stream)
            return [entry for entry in self.streams.get(stream, []) if number(entry[0]) > number(after)][:limit]

    def follow(self, stream: str, *, after: str = "0", block: float = 1.0) -> Iterator[list[Entry]]:
        while True:
            batch = self._next(stream, after, block)
            if batch:
                after = batch[-1][0]
            yield batch

    def end(self, stream: str, *, keep: float = 3600.0) -> None:
        self._answer()
        self.expires[stream] = time.monotonic() + keep

    def remove(self, stream: str) -> None:
        self._answer()
        with self.changed:
            self.streams.pop(stream, None)
            self._top.pop(stream, None)

    def nudge(self, channel: str) -> None:
        if not self.down:
            self.add(nudge_key(channel), [("*", {"n": ""})])

    def wait(self, channel: str, *, timeout: float) -> bool:
        key = nudge_key(channel)
        after = self._seen.get(key) or self.newest(key)
        batch = self._next(key, after, timeout)
        if batch:
            self._seen[key] = batch[-1][0]
        return bool(batch)

    def newest(self, stream: str) -> str:
        """Return the id of the newest entry that there ever was, or "0-0"."""
        return "{}-{}".format(*self._top.get(stream, (0, 0)))

    def _answer(self) -> None:
        if self.down:
            raise away(ConnectionError("the fake is down"))

    def _append(self, stream: str, id_: str, fields: Mapping[str, str]) -> bool:
        self._expire(stream)
        if id_ == "*":
            id_ = f"{int(time.time() * 1000)}-{next(self._count)}"
        if number(id_) <= self._top.get(stream, (0, 0)):
            return False
        self._top[stream] = number(id_)
        self.streams.setdefault(stream, []).append(("{}-{}".format(*number(id_)), dict(fields)))
        return True

    def _expire(self, stream: str) -> None:
        if self.expires.get(stream, float("inf")) <= time.monotonic():
            self.streams.pop(stream, None)
            self._top.pop(stream, None)
            del self.expires[stream]

    def _next(self, stream: str, after: str, block: float) -> list[Entry]:
        until = time.monotonic() + block
        with self.changed:
            while (left := until - time.monotonic()) > 0:
                found = [] if self.down else self.read(stream, after=after)
                if found:
                    return found
                self.changed.wait(min(left, 0.05))
        return []
