"""What every engine promises about services."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from minato.errors import PlatformError
from tests.drivers.engines import FAILS, MISSING, eventually


def test_a_service_runs_as_many_instances_as_its_workload_says(world):
    world.engine.ensure(world.workload(replicas=2))

    seen = world.until_running(2)

    assert {one.ordinal for one in seen} == {1, 2}
    assert len({one.address for one in seen} - {""}) == 2
    assert all(one.labels["minato.process"] == "p_web" for one in seen)
    assert all(one.exit_code is None and not one.oom and one.started_at for one in seen)


def test_a_service_is_listed_with_its_labels_image_and_replicas(world):
    workload = world.workload(replicas=2)
    world.engine.ensure(workload)

    (service,) = world.engine.services(world.labels())

    assert (service.name, service.image, service.replicas) == (workload.name, workload.image, 2)
    assert service.labels["minato.app"] == world.app
    assert world.engine.services({"minato.app": "a_nobody"}) == []


def test_ensuring_again_keeps_the_instances_and_takes_only_the_replicas(world):
    world.engine.ensure(world.workload())
    (first,) = world.until_running(1)

    world.engine.ensure(world.workload())
    world.engine.ensure(world.workload(replicas=2))

    assert first.container in {one.container for one in world.until_running(2)}


def test_scaling_down_ends_instances_and_scaling_to_none_ends_all(world):
    workload = world.workload(replicas=2)
    world.engine.ensure(workload)
    world.until_running(2)

    world.engine.scale(workload.name, 1)
    world.until_running(1)
    world.engine.scale(workload.name, 0)
    world.until_running(0)

    assert world.engine.services(world.labels())[0].replicas == 0


def test_scaling_a_service_that_does_not_exist_says_so(world):
    with pytest.raises(PlatformError) as caught:
        world.engine.scale("nobody-p_web-d1", 2)
    assert caught.value.code == "engine:platform:missing"


def test_a_restart_puts_other_instances_in_their_place(world):
    workload = world.workload()
    world.engine.ensure(workload)
    (first,) = world.until_running(1)

    world.engine.restart(workload.name)

    def others():
        found = {one.container for one in world.running()} - {first.container}
        return found if len(found) == 1 else None

    assert eventually(others)
    assert first.container not in {one.container for one in world.until_running(1)}


def test_a_removed_service_leaves_nothing_and_may_be_removed_again(world):
    workload = world.workload()
    world.engine.ensure(workload)
    world.until_running(1)

    world.engine.remove(workload.name)
    world.engine.remove(workload.name)

    assert world.engine.services(world.labels()) == []
    assert world.engine.tasks(workload.name) == []
    eventually(lambda: True if not world.engine.instances(world.labels()) else None)


def test_the_task_of_an_image_that_does_not_exist_is_rejected_and_says_why(world):
    workload = world.workload(image=MISSING)
    world.engine.ensure(workload)

    task = eventually(
        lambda: next((task for task in world.engine.tasks(workload.name) if task.state == "rejected"), None)
    )

    assert "No such image" in task.error
    assert world.running() == []


def test_the_end_of_a_process_is_seen_with_its_exit_code_and_it_is_started_again(world):
    workload = world.workload(FAILS)
    world.engine.ensure(workload)

    failed = eventually(
        lambda: next((task for task in world.engine.tasks(workload.name) if task.state == "failed"), None)
    )
    assert failed.exit_code == 3

    def twice():
        ended = [one for one in world.engine.instances(world.labels()) if one.state == "exited"]
        return ended if len(ended) >= 2 else None

    ended = eventually(twice)
    assert {one.exit_code for one in ended} == {3}
    assert all(one.finished_at for one in ended)


def test_tasks_come_newest_first_with_slot_and_container(world):
    workload = world.workload(FAILS)
    world.engine.ensure(workload)

    tasks = eventually(lambda: found if len(found := world.engine.tasks(workload.name)) >= 2 else None)

    assert {task.slot for task in tasks} == {1}
    assert {task.service for task in tasks} == {workload.name}
    assert any(task.container for task in tasks)


def test_many_threads_may_change_and_ask_at_once(world):
    workload = world.workload()
    world.engine.ensure(workload)

    with ThreadPoolExecutor(6) as threads:
        wishes = [threads.submit(world.engine.scale, workload.name, number) for number in (2, 1, 2, 1, 2, 1)]
        seen = [threads.submit(world.engine.instances, world.labels()) for _ in range(6)]
        assert all(wish.result() is None for wish in wishes)
        assert all(isinstance(answer.result(), list) for answer in seen)

    world.engine.scale(workload.name, 1)
    world.until_running(1)
