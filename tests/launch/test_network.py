"""Bridges and rules as values: texts for iptables-restore, and what they must never allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from launch import neighbours, network

APPS = network.Bridge(name="mnt-x", gateway="10.1.0.1", subnet="10.1.0.0/20")
HOOKS = {"FORWARD": "MNT-x-FWD"}


def forward(out: str = "eth0", dns: tuple[str, ...] = ()) -> list[str]:
    return network.wanted("x", (APPS,), out, list(dns))["filter"]["MNT-x-FWD"]


def test_a_bridge_has_the_gateway_s_address_in_its_subnet():
    assert APPS.address == "10.1.0.1/20"


def test_traffic_between_instances_and_to_link_local_is_dropped_before_anything_is_accepted():
    rules = forward(dns=("9.9.9.9",))

    first = next(place for place, rule in enumerate(rules) if rule.endswith("ACCEPT"))
    assert rules.index("-i mnt-x -o mnt-x -j DROP") < first
    assert rules.index("-d 169.254.0.0/16 -i mnt-x -j DROP") < first


def test_a_way_out_is_only_through_the_uplink_and_all_else_is_dropped():
    rules = forward()

    assert rules.index("-i mnt-x -o eth0 -j ACCEPT") + 1 == rules.index("-i mnt-x -j DROP")
    assert rules[-1] == "-o mnt-x -j DROP"


def test_without_an_uplink_nothing_goes_out():
    rules = network.wanted("x", (APPS,), "", [])

    assert not [rule for rule in rules["filter"]["MNT-x-FWD"] if "-i mnt-x" in rule and "ACCEPT" in rule]
    assert rules["nat"]["MNT-x-NAT"] == []


def test_the_host_hears_answers_only():
    assert network.wanted("x", (APPS,), "eth0", [])["filter"]["MNT-x-IN"] == [
        "-i mnt-x -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-i mnt-x -j DROP",
    ]


def test_the_same_drops_stand_in_mangle_where_nobody_s_accept_can_undo_them():
    rules = network.wanted("x", (APPS,), "eth0", [])["mangle"]["MNT-x-FWD"]

    assert not [rule for rule in rules if "ACCEPT" in rule]
    assert [rule for rule in rules if rule.endswith("DROP")] == [rule for rule in forward() if rule.endswith("DROP")]


def test_rules_that_are_right_are_left_alone():
    want = {"MNT-x-FWD": ["-i a -j DROP"]}
    now = {"FORWARD": ["-j MNT-w-FWD", "-j MNT-x-FWD", "-j DOCKER-USER"], **want}

    assert network.repair("filter", now, want, HOOKS) == ""


@pytest.mark.parametrize(
    ("jumps", "lines"),
    [
        ([], ["-I FORWARD 1 -j MNT-x-FWD"]),
        (["-j DOCKER-USER", "-j MNT-x-FWD"], ["-D FORWARD -j MNT-x-FWD", "-I FORWARD 1 -j MNT-x-FWD"]),
        (["-j MNT-x-FWD"] * 2, ["-D FORWARD -j MNT-x-FWD"] * 2 + ["-I FORWARD 1 -j MNT-x-FWD"]),
    ],
)
def test_a_jump_that_is_missing_late_or_double_is_put_first_once(jumps, lines):
    want = {"MNT-x-FWD": ["-i a -j DROP"]}
    text = network.repair("filter", {"FORWARD": jumps, **want}, want, HOOKS)

    assert text == "\n".join(["*filter", *lines, "COMMIT", ""])


def test_a_chain_that_was_emptied_is_filled_again():
    text = network.repair(
        "filter", {"FORWARD": ["-j MNT-x-FWD"], "MNT-x-FWD": []}, {"MNT-x-FWD": ["-i a -j DROP"]}, HOOKS
    )

    assert text.splitlines() == ["*filter", ":MNT-x-FWD - [0:0]", "-A MNT-x-FWD -i a -j DROP", "COMMIT"]


def test_removal_takes_our_chains_and_every_rule_that_names_our_bridge():
    now = {
        "FORWARD": ["-j MNT-x-FWD", "-o mnt-x -j DOCKER", "-o docker0 -j DOCKER"],
        "MNT-x-FWD": ["-j DROP"],
        "DOCKER": [],
    }

    assert network.removal("filter", now, "x", ("mnt-x",)).splitlines() == [
        "*filter",
        "-D FORWARD -j MNT-x-FWD",
        "-D FORWARD -o mnt-x -j DOCKER",
        "-F MNT-x-FWD",
        "-X MNT-x-FWD",
        "COMMIT",
    ]
    assert network.removal("filter", {"FORWARD": []}, "x", ("mnt-x",)) == ""


def test_what_iptables_save_prints_is_read_by_chain():
    saved = "*nat\n:DOCKER - [0:0]\n:EMPTY - [1:2]\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n"

    assert network.parse(saved) == {"DOCKER": ["-i docker0 -j RETURN"], "EMPTY": []}


def test_name_servers_of_this_machine_are_passed_over_for_the_next_file(tmp_path):
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\nnameserver 10.0.0.7\nnameserver ::1\n")
    real.write_text("search x\nnameserver 9.9.9.9\nnameserver 10.0.0.8\n")

    own = frozenset({"10.0.0.7"})
    assert network.resolvers((tmp_path / "absent", stub, real), own) == ["9.9.9.9", "10.0.0.8"]
    assert network.resolvers((stub,), own) == []


def test_a_subnet_that_the_machine_uses_elsewhere_is_refused_by_name():
    known = [
        network.Route(interface="eth0", network=network.ipaddress.IPv4Network("0.0.0.0/0"), metric=0),
        network.Route(interface="mnt-x", network=network.ipaddress.IPv4Network("10.1.0.0/20"), metric=0),
        network.Route(interface="vpn0", network=network.ipaddress.IPv4Network("10.0.0.0/8"), metric=0),
    ]

    assert network.conflicts((APPS,), known, ["10.1.0.53", "9.9.9.9"]) == [
        "10.1.0.0/20 of mnt-x overlaps 10.0.0.0/8 of vpn0.",
        "10.1.0.0/20 of mnt-x contains the name server 10.1.0.53.",
    ]


def test_the_kernel_s_routes_are_read_in_its_byte_order():
    assert str(network.read_network("0010010A", "00F0FFFF")) == "10.1.16.0/20"
    assert any(route.network.prefixlen == 0 for route in network.routes()) == bool(network.uplink().name)


# -- other engines ------------------------------------------------------------------------------------------------

THEIRS = ["-i docker0 -j RETURN", "! -i docker0 -p tcp -j DNAT --to-destination 172.17.0.2:80"]


def test_what_a_start_emptied_returns_in_its_old_order_before_what_the_start_added():
    text = neighbours.mending("nat", {"DOCKER": THEIRS}, {"DOCKER": ["-i mnt-x -j RETURN"]})

    assert [line for line in text.splitlines() if line.startswith("-A")] == [
        f"-A DOCKER {rule}" for rule in [*THEIRS, "-i mnt-x -j RETURN"]
    ]


def test_a_final_return_stays_last():
    assert neighbours.merged(["-i a -j DROP", "-j RETURN"], ["-i b -j DROP", "-j RETURN"])[-1] == "-j RETURN"


def test_chains_that_lost_nothing_are_left_alone():
    assert neighbours.mending("nat", {"DOCKER": THEIRS}, {"DOCKER": [*THEIRS, "-i mnt-x -j RETURN"]}) == ""


def test_rules_for_our_own_bridges_are_not_kept():
    chains = {"DOCKER": ["-i mnt-x -j RETURN", *THEIRS], "INPUT": ["-j DROP"]}

    assert neighbours.docker_chains(chains, ("mnt-x",)) == {"DOCKER": THEIRS}


def test_a_snapshot_that_was_never_put_back_is_joined_with_the_next(tmp_path: Path):
    file = tmp_path / "rules.json"
    neighbours.keep(file, {"nat": {"DOCKER": THEIRS}, "filter": {}})
    neighbours.keep(file, {"nat": {"DOCKER": []}, "filter": {}})

    assert neighbours.recall(file)["nat"]["DOCKER"] == THEIRS


def test_a_half_written_snapshot_is_none(tmp_path: Path):
    file = tmp_path / "rules.json"
    file.write_text('{"nat": {')

    assert neighbours.recall(file) == {}


def test_the_last_engine_to_leave_takes_dockers_chains_along():
    now = {"FORWARD": ["-j DOCKER-USER", "-j MINE"], "DOCKER": [], "DOCKER-USER": ["-j RETURN"]}

    assert neighbours.clearing("filter", now).splitlines() == [
        "*filter",
        "-D FORWARD -j DOCKER-USER",
        "-F DOCKER",
        "-F DOCKER-USER",
        "-X DOCKER",
        "-X DOCKER-USER",
        "COMMIT",
    ]
