"""From a generation to the first byte: fill, ready, switch, drain, on a real HAProxy."""

from __future__ import annotations

import time

from tests.fixtures.harbour_front import Load, eventually, free_port, slot, state


def ready(stage, number: int) -> bool:
    return [seen.ready for seen in stage.newest.servers if seen.slot == number] == [True]


def filled(stage, *, generation: int = 1):
    """Two deploys of shop side by side, the first one live."""
    old, new = stage.app("v1", "127.0.0.11"), stage.app("v2", "127.0.0.12")
    slots = slot(1, old.port), slot(2, new.port)
    stage.dock.put(slots[0].service, old.address)
    stage.dock.put(slots[1].service, new.address)
    stage.want(state(generation, 1, *slots))
    stage.wait(lambda _: ready(stage, 1) and ready(stage, 2))
    return slots


def test_a_new_server_is_ready_only_when_its_check_said_so_and_soon(stage):
    app = stage.app("v1", "127.0.0.11")
    stage.want(state(1, None, slot(1, app.port)))
    stage.dock.put(slot(1, app.port).service, app.address)
    took = stage.wait(lambda _: ready(stage, 1))
    assert took <= 0.6
    (seen,) = stage.newest.servers
    assert (seen.check, seen.address) == ("L7OK", "127.0.0.11")
    assert seen.container in stage.dock.containers


def test_an_app_that_never_binds_is_never_ready(stage):
    stage.dock.put(slot(1, 9).service, "127.0.0.13")
    stage.want(state(1, None, slot(1, 9)))
    stage.wait(lambda seen: [server.check for server in seen.servers] == ["L4CON"])
    assert not stage.newest.servers[0].ready


def test_a_check_path_wants_200_to_399_and_no_path_any_status(stage):
    app = stage.app("broken", "127.0.0.14", status=503)
    stage.dock.put("lc-a-p-d1", app.address)
    stage.dock.put("lc-a-p-d2", app.address)
    checked = slot(2, app.port, service="lc-a-p-d2", check_path="/ready?x=a;b", check_host="shop.apps.localhost")
    stage.want(state(1, None, slot(1, app.port, service="lc-a-p-d1"), checked))
    stage.wait(lambda _: ready(stage, 1))
    stage.wait(lambda seen: [server.check for server in seen.servers if server.slot == 2] == ["L7STS"])
    assert "503" in next(server.last_check for server in stage.newest.servers if server.slot == 2)


def test_the_host_moves_at_once_and_the_figure_is_small(stage, record_property):
    slots = filled(stage)
    assert stage.front.get().body == "v1"
    began = time.monotonic()
    stage.nodes.want(state(2, 2, *slots))
    eventually(lambda: stage.front.get().body == "v2", every=0)
    took = time.monotonic() - began
    record_property("switch_seconds", took)
    print(f"desired generation to first byte: {took * 1000:.0f} ms")
    assert took < 0.5


def test_a_hundred_flips_under_load_lose_no_request(stage):
    slots = filled(stage)
    with Load(stage.front.config.ports.router) as load:
        for generation in range(2, 102):
            stage.want(state(generation, 1 + generation % 2, *slots))
            time.sleep(0.02)
    print(f"{load.requests} requests, {len(load.failed)} failed, {load.bodies}")
    assert load.failed == []
    assert load.bodies["v1"] > 100
    assert load.bodies["v2"] > 100
    stage.wait(lambda seen: sum(counts.requests for counts in seen.counts) >= load.requests)
    assert [counts.failed for counts in stage.newest.counts] == [0, 0]


def test_a_draining_slot_finishes_what_it_has_and_gets_nothing_new(stage):
    live, draining = filled(stage)
    with Load(stage.front.config.ports.router, each=1) as load:
        time.sleep(0.3)
        stage.want(state(2, 2, slot(1, live.port, draining=True), draining))
        time.sleep(0.5)
        before = load.bodies["v1"]
        time.sleep(0.3)
        stage.want(state(3, 2, draining))
        time.sleep(0.3)
    assert load.bodies["v1"] == before
    assert load.failed == []
    assert {seen.slot for seen in stage.newest.servers} == {2}


def test_a_slot_that_is_filled_again_counts_from_nothing(stage):
    slots = filled(stage)
    for _ in range(5):
        stage.front.get()
    stage.wait(lambda seen: [counts.requests for counts in seen.counts if counts.slot == 1] == [5])
    again = slot(1, slots[0].port, service="lc-a_shopshopsh-p_webwebwebw-d3")
    stage.want(state(2, 2, slots[1]))
    stage.dock.put(again.service, "127.0.0.11")
    stage.want(state(3, 1, again, slots[1]))
    stage.wait(lambda _: ready(stage, 1))
    stage.front.get()
    stage.wait(lambda seen: [counts.requests for counts in seen.counts if counts.slot == 1] == [1])


def test_an_app_that_binds_late_is_found(stage):
    """By then its server counts as down, and is asked again and again."""
    port = free_port("127.0.0.15")
    stage.want(state(1, None, slot(1, port)))
    stage.dock.put(slot(1, port).service, "127.0.0.15")
    stage.wait(lambda seen: [server.check for server in seen.servers] == ["L4CON"])
    time.sleep(0.4)  # three checks
    assert not ready(stage, 1)
    stage.app("late", "127.0.0.15", port)
    stage.wait(lambda _: ready(stage, 1))
