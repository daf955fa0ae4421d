"""One contract for Redis and for the fake. The real one is a redis-server of this module's own."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minato.drivers.streams import Streams
from minato.drivers.streams.fake import FakeStreams
from minato.drivers.streams.redis import RedisStreams
from minato.errors import PlatformError


def server(folder: Path) -> subprocess.Popen[bytes]:
    """Start Redis on a Unix socket and wait until it answers."""
    done = subprocess.Popen(
        [
            "redis-server",
            "--port",
            "0",
            "--unixsocket",
            "redis.sock",
            "--save",
            "",
            "--daemonize",
            "no",
            "--loglevel",
            "warning",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    for _ in range(200):
        if (folder / "redis.sock").exists():
            return done
        time.sleep(0.02)
    raise AssertionError("redis-server did not start")


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    process = server(folder)
    yield f"unix://{folder}/redis.sock?db=1"
    process.kill()
    process.wait()


@pytest.fixture(params=["fake", "redis"])
def streams(request) -> Streams:
    if request.param == "fake":
        return FakeStreams()
    found = RedisStreams(request.getfixturevalue("url"))
    found.client.flushall()
    return found


def line(number: int, fence: int = 1) -> tuple[str, dict[str, str]]:
    return f"{fence}-{number}", {"k": "body", "t": f"line {number}"}


def test_entries_come_back_in_order(streams):
    assert streams.add("build:b", [line(1), line(2), line(3)]) == 3
    assert streams.read("build:b") == [line(1), line(2), line(3)]
    assert streams.read("build:b", after="1-1", limit=1) == [line(2)]


def test_a_line_sent_twice_is_one_line(streams):
    streams.add("build:b", [line(1), line(2)])
    assert streams.add("build:b", [line(1), line(2), line(3)]) == 1
    assert [id_ for id_, _ in streams.read("build:b")] == ["1-1", "1-2", "1-3"]


def test_a_superseded_attempt_is_refused_silently(streams):
    streams.add("build:b", [line(1, fence=2)])
    assert streams.add("build:b", [line(9, fence=1)]) == 0
    assert streams.read("build:b") == [line(1, fence=2)]


def test_own_ids_and_given_ids_may_both_be_used(streams):
    streams.add("log:a", [("*", {"l": "one"}), ("*", {"l": "two"})])
    assert [fields["l"] for _, fields in streams.read("log:a")] == ["one", "two"]


def test_nothing_added_is_nothing_done(streams):
    assert streams.add("log:a", []) == 0
    assert streams.read("log:a") == []


def test_a_follower_gets_the_past_then_the_present(streams):
    streams.add("build:b", [line(1)])
    follow = streams.follow("build:b", block=0.5)
    assert next(follow) == [line(1)]
    threading.Timer(0.1, streams.add, ("build:b", [line(2)])).start()
    began = time.monotonic()
    assert next(follow) == [line(2)]
    assert time.monotonic() - began < 0.4
    assert next(follow) == []


def test_a_stream_is_bounded(streams):
    for start in range(0, 25_000, 5_000):
        streams.add("log:a", [("*", {"l": str(start + n)}) for n in range(5_000)])
    kept = streams.read("log:a", limit=100_000)
    assert 20_000 <= len(kept) <= 20_200
    assert kept[-1][1]["l"] == "24999"


def test_an_ended_stream_expires(streams):
    streams.add("build:b", [line(1)])
    streams.end("build:b", keep=1)
    assert streams.read("build:b") == [line(1)]
    time.sleep(1.1)
    assert streams.read("build:b") == []


def test_a_removed_stream_may_begin_again(streams):
    streams.add("build:b", [line(5)])
    streams.remove("build:b")
    assert streams.add("build:b", [line(1)]) == 1


def test_a_nudge_wakes_whoever_waits(streams):
    threading.Timer(0.1, streams.nudge, ("node",)).start()
    began = time.monotonic()
    assert streams.wait("node", timeout=2)
    assert time.monotonic() - began < 1


def test_nobody_nudged(streams):
    began = time.monotonic()
    assert not streams.wait("node", timeout=0.2)
    assert 0.15 < time.monotonic() - began < 1


def test_a_nudge_between_two_waits_is_not_lost(streams):
    threading.Timer(0.05, streams.nudge, ("node",)).start()
    assert streams.wait("node", timeout=2)
    streams.nudge("node")
    assert streams.wait("node", timeout=0.5)
    assert not streams.wait("node", timeout=0.1)


def test_every_waiter_is_woken(streams):
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(streams.wait("deploy:d", timeout=2))) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    streams.nudge("deploy:d")
    for thread in threads:
        thread.join()
    assert woken == [True, True, True]


@pytest.fixture(params=["fake", "redis"])
def gone(request, tmp_path) -> Streams:
    if request.param == "redis":
        return RedisStreams(f"unix://{tmp_path}/nobody.sock?db=1")
    found = FakeStreams()
    found.down = True
    return found


@pytest.mark.parametrize(
    "call", [lambda s: s.add("x", [line(1)]), lambda s: s.read("x"), lambda s: s.end("x"), lambda s: s.remove("x")]
)
def test_redis_away_is_said_within_two_seconds(gone, call):
    began = time.monotonic()
    with pytest.raises(PlatformError) as raised:
        call(gone)
    assert raised.value.code == "streams:platform:away"
    assert time.monotonic() - began < 2.5


def test_redis_away_makes_waits_plain_sleeps(gone):
    gone.nudge("node")
    began = time.monotonic()
    assert not gone.wait("node", timeout=0.3)
    assert 0.25 < time.monotonic() - began < 1
    assert next(gone.follow("x", block=0.1)) == []


def test_a_follower_outlives_a_restart_of_redis(tmp_path):
    process = server(tmp_path)
    streams = RedisStreams(f"unix://{tmp_path}/redis.sock?db=1")
    streams.add("build:b", [line(1)])
    follow = streams.follow("build:b", block=0.2)
    assert next(follow) == [line(1)]
    process.kill()
    process.wait()
    (tmp_path / "redis.sock").unlink(missing_ok=True)
    assert next(follow) == []
    process = server(tmp_path)
    streams.add("build:b", [line(1), line(2)])
    assert next(batch for batch in follow if batch) == [line(2)]
    process.kill()
    process.wait()


def test_a_frozen_redis_costs_two_seconds(tmp_path):
    process = server(tmp_path)
    streams = RedisStreams(f"unix://{tmp_path}/redis.sock?db=1")
    streams.add("x", [line(1)])
    process.send_signal(19)
    began = time.monotonic()
    with pytest.raises(PlatformError):
        streams.add("x", [line(2)])
    assert time.monotonic() - began < 3
    process.kill()
    process.wait()
