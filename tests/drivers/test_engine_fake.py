"""The knobs of the engine in memory, which other tests turn."""

from __future__ import annotations

import json
import threading
import time

import pytest

from minato.drivers.engine.fake import FakeEngine
from minato.drivers.engine.scripted import Answer, Exit
from minato.errors import PlatformError
from minato.values.engine import Exec
from tests.drivers.engines import FOREVER, World


@pytest.fixture
def engine(tmp_path):
    return FakeEngine(log_root=tmp_path)


@pytest.fixture
def world(engine):
    return World(engine=engine, image="r/x@sha256:11", app="a_1")


def test_the_longest_prefix_answers(world, engine):
    engine.answer(["tar"], Answer(code=1))
    engine.answer(["tar", "-x"], Answer(output=b"fine"))
    made = engine.start(world.container())
    heard: list[bytes] = []

    assert engine.exec(made, Exec(argv=("tar", "-x", "-C", "/w")), output=heard.append) == 0
    assert engine.exec(made, Exec(argv=("tar", "-c")), output=heard.append) == 1
    assert heard == [b"fine"]
    assert [command.argv[1] for _, command, _ in engine.ran] == ["-x", "-c"]


def test_a_crashing_process_starts_as_often_as_it_was_told(world, engine):
    engine.exits(FOREVER, Exit(code=1, output=b"Traceback\n", times=3))
    engine.ensure(world.workload())

    dead = [event for event in _events(engine) if event.action == "die"]
    assert [event.exit_code for event in dead] == [1, 1, 1]
    assert len(engine.tasks(world.workload().name)) == 3


def test_an_instance_that_ends_is_replaced_in_its_slot(world, engine):
    engine.ensure(world.workload())
    (first,) = world.running()

    engine.end(first.container, 137, oom=True)

    (second,) = world.running()
    assert (second.ordinal, second.container != first.container) == (1, True)
    assert [seen.oom for seen in engine.instances(world.labels()) if seen.container == first.container] == [True]


def test_a_platform_container_that_ends_runs_again(world, engine):
    made = engine.start(world.container(restart=True))

    engine.end(made, 1)

    assert world.running()[0].container == made


def test_what_is_written_is_in_the_log_file_as_docker_writes_it(world, engine):
    made = engine.start(world.container())
    engine.write(made, b"one\ntwo\n")

    with open(world.running()[0].log_path) as file:
        lines = [json.loads(line) for line in file]
    assert [line["log"] for line in lines] == ["one\n", "two\n"]
    assert {line["stream"] for line in lines} == {"stdout"}
    assert lines[0]["time"].endswith("Z")


def test_away_it_answers_nothing_and_back_it_has_everything(world, engine):
    engine.ensure(world.workload())
    engine.go_away()

    with pytest.raises(PlatformError) as caught:
        engine.instances({})
    assert caught.value.code == "engine:platform:away"

    engine.come_back()
    assert len(world.running()) == 1


def test_an_event_stream_ends_when_the_engine_goes_away(engine):
    threading.Timer(0.1, engine.go_away).start()
    began = time.monotonic()

    assert list(engine.events(0)) == []
    assert time.monotonic() - began < 1


def test_an_unpullable_image_starts_no_container(world, engine):
    engine.unpullable.add(world.image)

    with pytest.raises(PlatformError) as caught:
        engine.start(world.container())
    assert caught.value.code == "engine:platform:pull"


def _events(engine):
    threading.Timer(0.05, engine.go_away).start()
    found = list(engine.events(0))
    engine.come_back()
    return found
