"""What supervisord and its children are told."""

from __future__ import annotations

import configparser
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from launch import programs, stores, supervise
from launch.programs import Program
from launch.rescue import Fatal
from minato.values.config import Config


def read(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser


@pytest.mark.parametrize("group", [programs.NODE, programs.CONTROL])
def test_a_group_is_one_group_so_that_its_processes_end_at_once(config: Config, group: str):
    told = read(supervise.config_text(config, group, programs.of_group(config, group)))
    names = told[f"group:{group}"]["programs"].split(",")
    assert names == [program.name for program in programs.of_group(config, group)]
    assert all(told[f"program:{name}"]["killasgroup"] == "true" for name in names)


def test_supervisor_starts_nothing_by_itself_and_restarts_what_dies(config: Config):
    told = read(supervise.config_text(config, "node", programs.node(config)))
    assert told["program:redis"]["autostart"] == "false"
    assert told["program:redis"]["autorestart"] == "true"
    assert told["unix_http_server"]["chmod"] == "0700"


def test_percent_signs_and_spaces_survive(config: Config):
    odd = Program(name="odd", argv=("a b", "100%", "it's"))
    told = read(supervise.config_text(replace(config, var=Path("/v%v")), "node", [odd]))
    assert shlex.split(told["program:odd"]["command"] % {}) == ["a b", "100%", "it's"]
    assert told["unix_http_server"]["file"] % {} == "/v%v/run/node.sock"


def test_everything_of_the_control_group_ends_within_ten_seconds(config: Config):
    assert max(program.stop for program in programs.control(config)) < 9


def test_engine_and_router_are_never_restarted_for_new_code(config: Config):
    assert {program.name for program in programs.node(config) if program.own_code} == {"agent", "telemetryd"}


def test_redis_has_no_port_and_evicts_nothing(config: Config):
    lines = stores.redis_text(config).splitlines()
    assert {"port 0", "maxmemory-policy noeviction", "appendonly yes", "appendfsync everysec"} <= set(lines)
    assert f"unixsocket {config.redis_socket}" in lines


def test_both_registries_share_storage_and_secret_and_listen_on_this_machine_alone(config: Config):
    import json

    tcp, unix = (json.loads(stores.registry_text(config, kind=kind, secret="s" * 32)) for kind in ("tcp", "unix"))
    assert tcp["storage"] == unix["storage"]
    assert tcp["http"]["secret"] == unix["http"]["secret"]
    assert tcp["http"]["addr"] == f"127.0.0.1:{config.ports.registry}"
    assert unix["http"] == {"net": "unix", "addr": str(config.registry_socket), "secret": "s" * 32}
    assert tcp["storage"]["delete"]["enabled"] is True
    assert "cache" not in tcp["storage"]  # what the reaper takes from the folder is gone for both


def test_a_given_up_process_is_due_after_thirty_seconds_and_only_once():
    fatal = Fatal()
    fatal.given_up("control:web", 100.0)
    assert fatal.due(129.0) == []
    assert fatal.due(130.0) == ["control:web"]
    assert fatal.due(200.0) == []
