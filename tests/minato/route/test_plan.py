"""Commands are values: what leads from one state of the router to the next, and in which order."""

from __future__ import annotations

from dataclasses import replace

from minato.route import haproxy, plan
from minato.route.plan import Server, Table, commands, table
from tests.fixtures.harbour_front import HOST, slot, state

ONE, TWO = (
    Server(name="web.1.aaaaaaaaaaaa", address="10.200.0.2"),
    Server(name="web.1.bbbbbbbbbbbb", address="10.200.0.3"),
)
FIRST, SECOND = slot(1, 20001), slot(2, 20002)
LIVE = table(state(1, 1, FIRST), {1: [ONE]}, slots=8)


def test_the_first_app_needs_its_name_its_server_and_then_its_host():
    assert commands(Table(), LIVE) == [
        "add map slots.map slot0001 a_shopshopsh/1/v1",
        f"add server slot0001/web.1.aaaaaaaaaaaa 10.200.0.2:20001 {haproxy.CHECK}",
        "enable health slot0001/web.1.aaaaaaaaaaaa",
        "enable server slot0001/web.1.aaaaaaaaaaaa",
        f"add map hosts.map {HOST} slot0001",
    ]


def test_nothing_changed_needs_no_command():
    assert commands(LIVE, LIVE) == []


def test_a_switch_is_one_command():
    both = {1: [ONE], 2: [TWO]}
    filled = table(state(2, 1, FIRST, SECOND), both, slots=8)
    switched = table(state(3, 2, FIRST, SECOND), both, slots=8)
    assert commands(filled, switched) == [f"set map hosts.map {HOST} slot0002"]


def test_a_slot_given_back_loses_its_server_after_the_host_has_moved():
    before = table(state(2, 1, FIRST, SECOND), {1: [ONE], 2: [TWO]}, slots=8)
    after = table(state(3, 2, SECOND), {2: [TWO]}, slots=8)
    assert commands(before, after) == [
        f"set map hosts.map {HOST} slot0002",
        "del map slots.map slot0001",
        "set server slot0001/web.1.aaaaaaaaaaaa state maint",
        "shutdown sessions server slot0001/web.1.aaaaaaaaaaaa",
        "del server slot0001/web.1.aaaaaaaaaaaa",
    ]


def test_an_instance_that_is_gone_is_removed_and_its_successor_is_there_first():
    after = table(state(1, 1, FIRST), {1: [TWO]}, slots=8)
    lines = commands(LIVE, after)
    assert lines[0].startswith("add server slot0001/web.1.bbbbbbbbbbbb 10.200.0.3:20001")
    assert lines[-1] == "del server slot0001/web.1.aaaaaaaaaaaa"


def test_the_same_container_at_another_address_is_made_anew():
    moved = table(state(1, 1, FIRST), {1: [replace(ONE, address="10.200.0.9")]}, slots=8)
    lines = commands(LIVE, moved)
    assert lines[2] == "del server slot0001/web.1.aaaaaaaaaaaa"
    assert lines[3].startswith("add server slot0001/web.1.aaaaaaaaaaaa 10.200.0.9:20001")


def test_what_a_check_needs_comes_before_its_server():
    checked = slot(1, 20001, check_path="/up?deep=1", check_host=HOST)
    lines = commands(Table(), table(state(1, None, checked), {1: [ONE]}, slots=8))
    assert lines[:3] == [
        "add map slots.map slot0001p a_shopshopsh/1/v1",
        "add map paths.map slot0001p /up?deep=1",
        f"add map checkhosts.map slot0001p {HOST}",
    ]


def test_no_check_path_can_end_a_command():
    hostile = slot(1, 20001, check_path="/a;b c\\d\n#e%0a")
    (line,) = [line for line in commands(Table(), table(state(1, None, hostile), {}, slots=8)) if "paths.map" in line]
    assert line == "add map paths.map slot0001p /a%3Bb%20c%5Cd%0A%23e%0a"


def test_a_strange_host_never_reaches_the_router():
    odd = table(state(1, 1, FIRST, host="Shop;shutdown"), {1: [ONE]}, slots=8)
    assert odd.maps["hosts.map"] == {}


def test_a_closed_app_shows_its_code_and_an_unknown_code_nothing():
    closed = table(state(1, None, closed={HOST: "H14", "b.apps.localhost": "rm"}), {}, slots=8)
    assert closed.maps["hosts.map"] == {HOST: "H14"}


def test_a_slot_over_the_routers_own_is_a_fault_of_the_platform():
    assert table(state(1, 9, slot(9, 20009)), {9: [ONE]}, slots=8).maps["hosts.map"] == {HOST: "H99"}
    assert table(state(1, 3, FIRST), {}, slots=8).maps["hosts.map"] == {HOST: "H99"}


def test_a_slots_name_tells_its_number():
    assert [haproxy.slot_number(name) for name in ("slot0007", "slot0007p", "H14", "unknown")] == [7, 7, 0, 0]
    assert plan.table(state(1, 1, FIRST), {}, slots=8).servers == {"slot0001": {}}
