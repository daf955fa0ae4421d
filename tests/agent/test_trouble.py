"""What dies around the agent, and what goes on."""

from __future__ import annotations

import time

from minato.route import statefile
from tests.agent.test_switch import filled, ready
from tests.fixtures.harbour_front import Load, eventually, slot, state


def test_a_crashed_instance_leaves_at_once_and_its_neighbour_serves(stage):
    first, second = stage.app("one", "127.0.0.21"), None
    second = stage.app("two", "127.0.0.22", first.port)
    here = slot(1, first.port)
    stage.dock.put(here.service, first.address)
    gone = stage.dock.put(here.service, second.address, ordinal=2)
    stage.want(state(1, 1, here))
    stage.wait(lambda seen: [server.ready for server in seen.servers] == [True, True])
    second.crash()
    began = time.monotonic()
    stage.dock.die(gone.container, code=137)
    stage.wait(lambda seen: len(seen.servers) == 1)
    assert time.monotonic() - began < 0.5
    assert {stage.front.get().body for _ in range(10)} == {"one"}
    (exited,) = [seen for seen in stage.newest.instances if seen["state"] == "exited"]
    assert (exited["exit_code"], exited["ordinal"], exited["service"]) == (137, 2, here.service)


def test_an_exit_is_reported_although_its_container_is_gone(stage):
    here = slot(1, 9)
    gone = stage.dock.put(here.service, "127.0.0.21")
    stage.wait(lambda seen: [row["state"] for row in seen.instances] == ["running"])
    stage.dock.die(gone.container, code=3, removed=True)
    stage.wait(lambda seen: [(row["state"], row["exit_code"]) for row in seen.instances] == [("exited", 3)])


def test_a_dead_engine_takes_nothing_away(stage):
    filled(stage)
    with Load(stage.front.config.ports.router) as load:
        stage.dock.gone = True
        stage.wait(lambda seen: not seen.engine)
        time.sleep(1.5)
    assert load.failed == []
    assert load.requests > 50
    assert ready(stage, 1)


def test_an_agent_that_starts_without_an_engine_keeps_what_the_file_says(stage):
    filled(stage)
    stage.stop_agent()
    stage.dock.gone = True
    stage.nodes.gone = True
    stage.start_agent()
    time.sleep(1)
    assert stage.front.get().body == "v1"
    assert statefile.read(stage.front.config.router_state).servers[1]


def test_new_addresses_after_an_engine_start_replace_the_old_ones(stage):
    old, new = stage.app("before", "127.0.0.31"), None
    new = stage.app("after", "127.0.0.32", old.port)
    here = slot(1, old.port)
    seen = stage.dock.put(here.service, old.address)
    stage.want(state(1, 1, here))
    stage.wait(lambda _: ready(stage, 1))
    stage.dock.gone = True
    stage.wait(lambda report: not report.engine)
    stage.dock.containers = {}
    stage.dock.put(here.service, new.address)
    stage.dock.gone = False
    stage.wait(lambda report: [server.address for server in report.servers if server.ready] == [new.address])
    assert stage.front.get().body == "after"
    assert seen.container not in {server.container for server in stage.newest.servers}


def test_a_router_started_again_serves_the_same_apps_before_any_agent_looks(stage):
    filled(stage)
    stage.stop_agent()
    stage.front.kill()
    began = time.monotonic()
    stage.front.start()
    eventually(lambda: stage.front.get().status == 200)
    print(f"router down and serving again after {time.monotonic() - began:.2f} s")
    assert stage.front.get().body == "v1"


def test_a_router_that_has_forgotten_is_filled_again(stage):
    slots = filled(stage)
    stage.front.kill()
    stage.front.config.router_state.unlink()
    stage.nodes.want(state(2, 2, *slots))
    time.sleep(0.5)
    assert stage.newest.generation == 1  # not acknowledged by a router that is away
    stage.front.config.router_state.unlink(missing_ok=True)
    stage.front.start()
    stage.wait(lambda seen: seen.generation == 2 and ready(stage, 2))
    assert stage.front.get().body == "v2"


def test_a_lost_control_plane_stops_nothing(stage):
    slots = filled(stage)
    stage.nodes.gone = True
    late = stage.app("v1", "127.0.0.41", slots[0].port)
    stage.dock.put(slots[0].service, late.address, ordinal=2)
    eventually(lambda: (stage.front.get(), late.seen)[1])
    stage.nodes.gone = False
    stage.wait(lambda seen: len(seen.servers) == 3)


def test_a_restored_database_that_counts_from_a_lower_number_is_followed(stage):
    slots = filled(stage, generation=9)
    stage.nodes.gone = True
    time.sleep(1.2)
    stage.nodes.gone = False
    stage.want(state(4, 2, *slots))
    assert stage.front.get().body == "v2"


def test_a_full_disk_acknowledges_nothing_and_still_follows_the_instances(stage):
    slots = filled(stage)
    folder = stage.front.config.router_state.parent
    folder.rename(folder.with_name("aside"))
    folder.write_text("in the way")
    stage.nodes.want(state(2, 2, *slots))
    eventually(lambda: stage.front.get().body == "v2")
    assert stage.newest.generation == 1
    folder.unlink()
    stage.wait(lambda seen: seen.generation == 2)


def test_an_unreadable_state_file_starts_an_empty_router(stage):
    stage.want(state(1, None))
    stage.stop_agent()
    stage.front.kill()
    stage.front.config.router_state.write_text("{")
    stage.front.start()
    assert stage.front.get().status == 404
    stage.start_agent()
    stage.want(state(2, None))
