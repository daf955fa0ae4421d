"""What a container of the real engine prints reaches stream and store whole, through rotation and removal."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest

from agent.logs import ship
from minato.drivers.streams.fake import FakeStreams
from minato.drivers.telemetry.fake import FakeTelemetry
from minato.observe.lines import decode
from tests.drivers.engines import PYTHON

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
COUNT = 100_000
BURST = (*PYTHON, f"import signal\nfor n in range({COUNT}): print('%06d' % n + ' x' * 70)\nsignal.pause()")
TICKS = (*PYTHON, "import time, sys\nfor n in range(100): print(time.time()); time.sleep(0.05)")
LONG = (*PYTHON, "print('y' * 40_000); print('end', end='')")


@pytest.fixture
def shipped(real_world, tmp_path):
    streams, telemetry, stop = FakeStreams(), FakeTelemetry(), threading.Event()
    config = dataclasses.replace(real_world.config, var=tmp_path)
    config.logs.mkdir()
    arguments = {"config": config, "engine": real_world.engine, "streams": streams, "telemetry": telemetry}
    thread = threading.Thread(target=ship, kwargs={**arguments, "stop": stop})
    thread.start()
    yield streams, telemetry
    stop.set()
    thread.join(20)


def stored(telemetry, world, count: int, within: float = 60.0) -> list[str]:
    until = time.monotonic() + within
    while time.monotonic() < until:
        lines = telemetry.lines(world.app, limit=1_000_000)
        if len(lines) >= count:
            break
        time.sleep(0.2)
    return [line.text for line in lines]


def test_a_burst_through_rotation_is_stored_whole(real_world, shipped):
    real_world.engine.ensure(real_world.workload(BURST))
    found = stored(shipped[1], real_world, COUNT)
    assert [int(text[:6]) for text in found] == list(range(COUNT))


def test_a_line_is_live_in_a_blink(real_world, shipped):
    streams, _ = shipped
    real_world.engine.ensure(real_world.workload(TICKS))
    late = []
    seen = "0"
    until = time.monotonic() + 30
    while len(late) < 60 and time.monotonic() < until:
        for id_, fields in streams.read(f"log:{real_world.app}", after=seen):
            seen = id_
            late.append(time.time() - float(decode(fields["l"]).text))
        time.sleep(0.005)
    print(f"p50 {sorted(late)[30] * 1000:.0f} ms, worst {max(late[5:]) * 1000:.0f} ms")
    assert sorted(late[5:])[50] < 0.3


def test_last_words_of_a_container_are_kept(real_world, shipped):
    labels = {"minato.app": real_world.app, "minato.process": "release"}
    real_world.engine.start(dataclasses.replace(real_world.container(LONG), labels=labels))
    time.sleep(1.5)
    real_world.engine.remove_labelled({"minato.app": real_world.app})
    assert stored(shipped[1], real_world, 2, within=10) == ["y" * 40_000, "end"]
