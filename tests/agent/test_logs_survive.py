"""Nothing is lost: real Redis, telemetryd and shipper, each killed with -9 while a container prints and rotates."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minato.drivers.streams.redis import RedisStreams
from minato.observe.lines import decode

TESTS = Path(__file__).parents[1]
pytestmark = pytest.mark.timeout(180)


def module(path: str):
    spec = importlib.util.spec_from_file_location(Path(path).stem, TESTS / path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


telemetry, streams = module("drivers/test_telemetry.py"), module("drivers/test_streams.py")


class Node:
    def __init__(self, folder: Path) -> None:
        self.store = telemetry.Server(folder / "var")
        self.store.client.migrate()
        self.config = self.store.config
        self.log = folder / "c-json.log"
        self.log.touch()
        self.config.redis_socket.parent.mkdir(parents=True)
        self.redis = streams.server(self.config.redis_socket.parent)
        self.streams = RedisStreams(self.config.streams_url)
        self.printed = 0
        self.start()

    def start(self) -> None:
        argv = [sys.executable, str(TESTS / "fixtures/shipper.py"), str(self.log)]
        self.shipper = subprocess.Popen(argv, env=self.store.env)

    def say(self, count: int) -> None:
        """Print as dockerd does, and rotate the file at 1 MB."""
        with self.log.open("a") as file:
            for _ in range(count):
                at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
                file.write(json.dumps({"log": f"line {self.printed}\n", "stream": "stdout", "time": at}) + "\n")
                self.printed += 1
        if self.log.stat().st_size > 1_000_000:
            for number in (1, 0):
                older = self.log.with_name(f"{self.log.name}.{number}") if number else self.log
                if older.exists():
                    older.rename(self.log.with_name(f"{self.log.name}.{number + 1}"))
            self.log.touch()

    def stored(self) -> list[str]:
        return [line.text for line in self.store.client.lines("a_shop", limit=200_000)]

    def end(self) -> None:
        for process in (self.shipper, self.redis, self.store.process):
            process.kill()
            process.wait()


@pytest.fixture
def node(tmp_path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.end()


def test_a_printed_line_is_in_the_stream_in_a_blink(node):
    follow = node.streams.follow("log:a_shop", block=0.5)
    for number in range(10):
        began = time.monotonic()
        node.say(1)
        batch = next(batch for batch in follow if batch)
        late = time.monotonic() - began
        assert decode(batch[0][1]["l"]).text == f"line {number}"
        assert late < 0.3 or number == 0  # the first one waits for the shipper to start


def test_kill_9_of_shipper_and_store_loses_no_line(node):
    over = threading.Event()

    def kill() -> None:
        while not over.wait(1.0):
            node.shipper.send_signal(signal.SIGKILL)
            node.shipper.wait()
            node.start()
            if over.wait(0.7):
                return
            node.store.stop(signal.SIGKILL)
            node.store.start()

    killer = threading.Thread(target=kill)
    killer.start()
    for _ in range(100):
        node.say(200)
        time.sleep(0.1)
    over.set()
    killer.join()
    until = time.monotonic() + 30
    while len(found := node.stored()) < node.printed and time.monotonic() < until:
        time.sleep(0.2)
    assert found == [f"line {number}" for number in range(node.printed)]
