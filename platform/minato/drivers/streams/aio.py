"""The event loop's side of the live streams: what one hub per process needs, on Redis or on the fake."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol, cast

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from minato.drivers.streams import Entry, away
from minato.drivers.streams.fake import FakeStreams
from minato.drivers.streams.wire import NUDGE_SECONDS, decode, nudge_key
from minato.drivers.wiring import drivers
from minato.values.config import Config

CONNECT = 1.0  # seconds
ANSWER = 2.0  # beyond what a call blocks for
LONGEST_BLOCK = 5.0


class AsyncStreams(Protocol):
    """Raises PlatformError `streams:platform:away` when Redis is away."""

    async def read(self, stream: str, *, after: str = "0", limit: int = 1000) -> list[Entry]: ...

    async def tail(self, stream: str, *, limit: int) -> list[Entry]:
        """Return the newest entries in order."""

    async def ends(self, stream: str) -> tuple[str, str]:
        """Return the ids of the oldest entry kept and of the newest, or "" twice."""

    async def next(self, positions: Mapping[str, str], *, block: float) -> dict[str, list[Entry]]:
        """Return what comes on any of these streams after their positions, within `block` seconds (5 at most)."""

    async def nudge(self, channel: str) -> None:
        """Wake whoever waits on a channel; a lost Redis is no error."""

    async def close(self) -> None: ...


def connect(config: Config) -> AsyncStreams:
    """Return this Config's streams for the running loop."""
    if "streams" in config.fakes:
        return AioFake(cast("FakeStreams", drivers(config).streams))
    return AioRedis(config.streams_url)


class AioRedis:
    def __init__(self, url: str) -> None:
        self.client = redis.asyncio.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWER + LONGEST_BLOCK,
            socket_connect_timeout=CONNECT,
            retry=Retry(NoBackoff(), 0),
        )

    async def read(self, stream: str, *, after: str = "0", limit: int = 1000) -> list[Entry]:
        return decode(await self._answer(self.client.xrange(stream, f"({after}", "+", limit)))

    async def tail(self, stream: str, *, limit: int) -> list[Entry]:
        return decode(await self._answer(self.client.xrevrange(stream, "+", "-", limit)))[::-1]

    async def ends(self, stream: str) -> tuple[str, str]:
        first = await self._answer(self.client.xrange(stream, "-", "+", 1))
        last = await self._answer(self.client.xrevrange(stream, "+", "-", 1))
        return (str(first[0][0]), str(last[0][0])) if first and last else ("", "")

    async def next(self, positions: Mapping[str, str], *, block: float) -> dict[str, list[Entry]]:
        wait = min(block, LONGEST_BLOCK)
        call = self.client.xread(cast("Any", dict(positions)), count=500, block=max(1, int(wait * 1000)))
        answer = await self._answer(call, wait + ANSWER)
        return {str(stream): decode(batch) for stream, batch in answer or []}

    async def nudge(self, channel: str) -> None:
        try:
            await asyncio.wait_for(self.client.xadd(nudge_key(channel), {"n": ""}, maxlen=1), ANSWER)
            await asyncio.wait_for(self.client.expire(nudge_key(channel), NUDGE_SECONDS), ANSWER)
        except (RedisError, OSError, TimeoutError):
            return  # a hint; whoever waits looks again by itself

    async def close(self) -> None:
        await self.client.aclose()

    async def _answer(self, call: Any, seconds: float = ANSWER) -> Any:
        try:
            return await asyncio.wait_for(call, seconds)
        except (RedisError, OSError, TimeoutError) as error:
            raise away(error) from error


class AioFake:
    """The fake of `drivers(config).streams`, asked every 10 ms."""

    def __init__(self, fake: FakeStreams) -> None:
        self.fake = fake

    async def read(self, stream: str, *, after: str = "0", limit: int = 1000) -> list[Entry]:
        return self.fake.read(stream, after=after, limit=limit)

    async def tail(self, stream: str, *, limit: int) -> list[Entry]:
        return self.fake.read(stream, limit=1_000_000)[-limit:]

    async def ends(self, stream: str) -> tuple[str, str]:
        kept = self.fake.read(stream, limit=1_000_000)
        return (kept[0][0], kept[-1][0]) if kept else ("", "")

    async def next(self, positions: Mapping[str, str], *, block: float) -> dict[str, list[Entry]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + min(block, LONGEST_BLOCK)
        while True:
            found = {stream: self.fake.read(stream, after=after) for stream, after in positions.items()}
            found = {stream: batch for stream, batch in found.items() if batch}
            if found or loop.time() >= until:
                return found
            await asyncio.sleep(0.01)

    async def nudge(self, channel: str) -> None:
        self.fake.nudge(channel)

    async def close(self) -> None:
        return
