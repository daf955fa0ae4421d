"""What every engine promises about the containers that we start ourselves, and about commands in them."""

from __future__ import annotations

import io
import time

import pytest

from minato.errors import Cancelled, PlatformError
from minato.values.engine import Exec
from tests.drivers.engines import COUNTS, DEAF, FAILS, FLOODS, FOREVER, TALKS, eventually


def heard(world, container: str, argv: tuple[str, ...], **more) -> tuple[int, bytes]:
    pieces: list[bytes] = []
    code = world.engine.exec(container, Exec(argv=argv), output=pieces.append, **more)
    return code, b"".join(pieces)


def test_a_container_runs_with_its_labels_and_is_found_by_them(world):
    made = world.engine.start(world.container())

    (seen,) = world.engine.instances(world.labels())

    assert (seen.container, seen.state, seen.name) == (made, "running", f"{world.app}-one")
    assert world.engine.instances({"minato.app": "a_nobody"}) == []


def test_a_running_container_of_the_same_name_is_adopted(world):
    assert world.engine.start(world.container()) == world.engine.start(world.container())


def test_an_ended_container_of_the_same_name_is_replaced(world):
    first = world.engine.start(world.container(FAILS))
    world.engine.wait(first, timeout=10)

    assert world.engine.start(world.container()) != first
    assert len(world.engine.instances(world.labels())) == 1


def test_waiting_tells_the_exit_code_or_that_it_still_runs(world):
    ended = world.engine.start(world.container(FAILS))
    runs = world.engine.start(world.container(name="two"))

    assert world.engine.wait(ended, timeout=10) == 3
    assert world.engine.wait(runs, timeout=0.2) is None


def test_the_last_lines_of_a_container_are_told(world):
    made = world.engine.start(world.container(TALKS))
    world.engine.wait(made, timeout=10)

    assert world.engine.output(made) == ["one", "two", "three"]
    assert world.engine.output(made, tail=2) == ["two", "three"]


def test_following_yields_everything_until_the_container_ends(world):
    made = world.engine.start(world.container(TALKS))

    assert b"".join(world.engine.follow(made)) == b"one\ntwo\nthree\n"


def test_removing_a_container_that_is_gone_is_no_error(world):
    made = world.engine.start(world.container())

    world.engine.remove_container(made)
    world.engine.remove_container(made)

    assert world.engine.instances(world.labels()) == []


def test_containers_are_removed_by_their_labels_and_counted(world):
    world.engine.start(world.container())
    world.engine.start(world.container(name="two"))

    assert world.engine.remove_labelled(world.labels()) == 2
    assert world.engine.remove_labelled(world.labels()) == 0


def test_a_command_gives_its_output_and_its_exit_code(world):
    made = world.engine.start(world.container())

    assert heard(world, made, FAILS) == (3, b"oh no\n")
    assert heard(world, made, TALKS) == (0, b"one\ntwo\nthree\n")


def test_a_command_reads_its_input_to_the_end(world):
    made = world.engine.start(world.container())

    assert heard(world, made, COUNTS, stdin=io.BytesIO(b"x" * 3_000_000)) == (0, b"3000000\n")


def test_a_command_that_does_not_read_its_input_still_tells_its_exit_code(world):
    made = world.engine.start(world.container())

    assert heard(world, made, DEAF, stdin=io.BytesIO(b"x" * 3_000_000)) == (4, b"")


def test_much_output_arrives_whole(world):
    made = world.engine.start(world.container())

    code, output = heard(world, made, FLOODS)

    assert (code, len(output)) == (0, 64 << 16)


def test_a_command_stops_within_a_second_when_it_is_asked_to(world):
    made = world.engine.start(world.container())
    began = time.monotonic()

    with pytest.raises(Cancelled):
        heard(world, made, FOREVER, stop=lambda: time.monotonic() - began > 0.3)

    assert time.monotonic() - began < 1.5


def test_a_command_that_takes_too_long_raises(world):
    made = world.engine.start(world.container())

    with pytest.raises(PlatformError) as caught:
        heard(world, made, FOREVER, deadline=0.3)

    assert caught.value.code == "engine:platform:deadline"


def test_a_command_in_no_container_says_so(world):
    with pytest.raises(PlatformError) as caught:
        heard(world, f"{world.app}-nobody", TALKS)
    assert caught.value.code == "engine:platform:missing"


def test_volumes_are_found_by_label_and_removed(world):
    name = f"{world.app}-cache"
    world.engine.ensure_volume(name, world.labels())
    world.engine.ensure_volume(name, world.labels())

    assert world.engine.volumes(world.labels()) == [name]
    world.engine.remove_volume(name)
    world.engine.remove_volume(name)
    assert world.engine.volumes(world.labels()) == []


def test_events_tell_the_start_and_the_end_of_a_container_with_its_labels(world):
    since = time.time() - 1
    made = world.engine.start(world.container(FAILS))
    world.engine.wait(made, timeout=10)

    mine = []
    for event in world.engine.events(since):
        if event.container == made:
            mine.append(event)
            if event.action == "die":
                break

    assert [event.action for event in mine] == ["create", "start", "die"]
    assert mine[-1].exit_code == 3
    assert mine[-1].labels["minato.app"] == world.app
    assert mine[-1].at.timestamp() >= since


def test_the_engine_describes_itself(world):
    world.engine.start(world.container())

    assert eventually(lambda: world.engine.info()["ContainersRunning"] or None)
