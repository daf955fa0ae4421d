"""One reader of Redis per process: every viewer of a live stream hangs on it with a bounded queue.

1,000 open tails cost one connection and one blocked read; a viewer that is too slow loses its queue, not its place,
and reads what it missed from the stream itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from weakref import WeakKeyDictionary

from django.conf import settings

from minato.drivers.streams import Entry
from minato.drivers.streams.aio import AsyncStreams, connect
from minato.drivers.streams.wire import nudge_key, number
from minato.errors import PlatformError

log = logging.getLogger(__name__)

MOST_BATCHES = 200
CATCH_UP = 500  # entries per read
RETRY = 0.5  # seconds, while Redis is away


class Viewer:
    """One follower's bounded queue. `behind` says: read the stream itself before you wait."""

    def __init__(self) -> None:
        self.batches: deque[list[Entry]] = deque()
        self.behind = True
        self.ready = asyncio.Event()

    def offer(self, batch: list[Entry]) -> None:
        if len(self.batches) >= MOST_BATCHES:
            self.batches.clear()
            self.behind = True
        else:
            self.batches.append(batch)
        self.ready.set()

    async def take(self, block: float) -> list[Entry]:
        """Return the next batch, or an empty one after `block` seconds."""
        if not self.batches:
            self.ready.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ready.wait(), block)
        return self.batches.popleft() if self.batches else []


class Hub:
    """The streams that somebody watches, each with the place the reader has come to."""

    def __init__(self, streams: AsyncStreams) -> None:
        self.streams = streams
        self._viewers: dict[str, set[Viewer]] = {}
        self._places: dict[str, str] = {}
        self._wake = f"hub-{secrets.token_hex(6)}"
        self._reader: asyncio.Task[None] | None = None

    async def follow(self, stream: str, *, after: str = "0-0", block: float = 1.0) -> AsyncGenerator[list[Entry], None]:
        """Yield batches after the id `after`, an empty one every `block` seconds; never ends by itself."""
        await self._place(stream)
        with self._watching(stream) as viewer:
            await self.streams.nudge(self._wake)
            while True:
                batch = await self._batch(viewer, stream, after, block)
                after = batch[-1][0] if batch else after
                yield batch

    async def wait(self, channel: str, *, timeout: float) -> bool:  # noqa: ASYNC109
        """Return true at a nudge on this channel, false after `timeout` seconds; also while Redis is away."""
        stream = nudge_key(channel)
        await self._place(stream)
        with self._watching(stream) as viewer:
            viewer.behind = False
            await self.streams.nudge(self._wake)
            return bool(await viewer.take(timeout))

    async def close(self) -> None:
        """End the reader and leave Redis."""
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        await self.streams.close()

    @property
    def watched(self) -> int:
        """How many viewers hang on this hub now."""
        return sum(len(viewers) for viewers in self._viewers.values())

    @contextlib.contextmanager
    def _watching(self, stream: str) -> Iterator[Viewer]:
        viewer = Viewer()
        self._viewers.setdefault(stream, set()).add(viewer)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            yield viewer
        finally:
            self._viewers[stream].discard(viewer)
            if not self._viewers[stream]:
                del self._viewers[stream]
                self._places.pop(stream, None)

    async def _place(self, stream: str) -> None:
        """Begin a stream at its end: what lies before it each viewer reads for itself."""
        if stream not in self._places:
            try:
                _, newest = await self.streams.ends(stream)
            except PlatformError:
                newest = ""
            self._places.setdefault(stream, newest or "0-0")

    async def _batch(self, viewer: Viewer, stream: str, after: str, block: float) -> list[Entry]:
        if viewer.behind:
            try:
                missed = await self.streams.read(stream, after=after, limit=CATCH_UP)
            except PlatformError:
                await asyncio.sleep(min(block, RETRY))
                return []
            viewer.behind = len(missed) == CATCH_UP
            if missed:
                return missed
        batch = await viewer.take(block)
        return [entry for entry in batch if number(entry[0]) > number(after)]

    async def _read(self) -> None:
        """Read for everybody until nobody watches."""
        woken = "0-0"
        wake = nudge_key(self._wake)
        while self._viewers:
            places = {stream: self._places.get(stream, "0-0") for stream in self._viewers}
            try:
                found = await self.streams.next({**places, wake: woken}, block=5.0)
            except PlatformError as error:
                log.warning("live streams: %s", error.evidence)
                await asyncio.sleep(RETRY)
                continue
            for stream, batch in found.items():
                if stream == wake:
                    woken = batch[-1][0]
                elif stream in self._viewers:
                    self._hand_out(stream, batch)

    def _hand_out(self, stream: str, batch: list[Entry]) -> None:
        self._places[stream] = batch[-1][0]
        for viewer in self._viewers[stream]:
            viewer.offer(batch)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the running loop's hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(connect(settings.MINATO))
    return _hubs[loop]
