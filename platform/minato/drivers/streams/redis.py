"""Redis Streams over a Unix socket, for threads; the event loop's side is `aio.py`."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from minato.drivers.streams import Entry, away
from minato.drivers.streams.wire import KEEP, MOST, NUDGE_SECONDS, REFUSED, decode, nudge_key

CONNECT = 1.0  # seconds
ANSWER = 2.0
LONGEST_BLOCK = 1.0  # below ANSWER: a blocked read is no dead Redis
REMEMBERED = 1000


class RedisStreams:
    """Implements Streams. A dead Redis costs a caller at most 2 s."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWER,
            socket_connect_timeout=CONNECT,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        self._nudges: OrderedDict[str, str] = OrderedDict()

    def add(self, stream: str, entries: Sequence[tuple[str, Mapping[str, str]]], *, most: int = MOST) -> int:
        if not entries:
            return 0
        pipe = self.client.pipeline(transaction=False)
        for id_, fields in entries:
            pipe.xadd(stream, cast("Any", fields), id=id_, maxlen=most, approximate=True)
        pipe.expire(
            stream, KEEP, nx=entries[0][0] != "*"
        )  # a numbered stream lives from its start, a log from its last line
        try:
            answers = pipe.execute(raise_on_error=False)
        except (redis.RedisError, OSError) as error:
            raise away(error) from error
        return sum(_taken(answer) for answer in answers[:-1])

    def read(self, stream: str, *, after: str = "0", limit: int = 1000) -> list[Entry]:
        try:
            return decode(self.client.xrange(stream, f"({after}", "+", limit))
        except (redis.RedisError, OSError) as error:
            raise away(error) from error

    def follow(self, stream: str, *, after: str = "0", block: float = 1.0) -> Iterator[list[Entry]]:
        while True:
            batch = self._next(stream, after, block)
            if batch:
                after = batch[-1][0]
            yield batch

    def end(self, stream: str, *, keep: float = 3600.0) -> None:
        try:
            self.client.expire(stream, max(1, int(keep)))
        except (redis.RedisError, OSError) as error:
            raise away(error) from error

    def remove(self, stream: str) -> None:
        try:
            self.client.delete(stream)
        except (redis.RedisError, OSError) as error:
            raise away(error) from error

    def nudge(self, channel: str) -> None:
        pipe = self.client.pipeline(transaction=False)
        pipe.xadd(nudge_key(channel), {"n": ""}, maxlen=1)
        pipe.expire(nudge_key(channel), NUDGE_SECONDS)
        try:
            pipe.execute()
        except (redis.RedisError, OSError):
            return  # a nudge is a hint: whoever waits looks again by itself

    def wait(self, channel: str, *, timeout: float) -> bool:
        until = time.monotonic() + timeout
        key = nudge_key(channel)
        while (left := until - time.monotonic()) > 0:
            batch = self._next(key, self._nudges.get(key, "$"), left)
            if batch:
                self._remember(key, batch[-1][0])
                return True
        return False

    def _remember(self, key: str, id_: str) -> None:
        """Keep what was seen, so that a nudge between two waits is not lost."""
        self._nudges[key] = id_
        self._nudges.move_to_end(key)
        while len(self._nudges) > REMEMBERED:
            self._nudges.popitem(last=False)

    def _next(self, stream: str, after: str, block: float) -> list[Entry]:
        """Return what comes within `block` seconds; while Redis is away sleep that long and return nothing."""
        block = min(block, LONGEST_BLOCK)
        began = time.monotonic()
        try:
            answer = self.client.xread({stream: after}, count=1000, block=max(1, int(block * 1000)))
        except (redis.RedisError, OSError):
            time.sleep(max(0.0, began + block - time.monotonic()))
            return []
        return decode(cast("Any", answer)[0][1]) if answer else []


def _taken(answer: object) -> bool:
    """Say whether Redis took an entry; a superseded id is no error, anything else is."""
    if isinstance(answer, redis.ResponseError) and REFUSED in str(answer):
        return False
    if isinstance(answer, Exception):
        raise away(answer) from answer
    return True
