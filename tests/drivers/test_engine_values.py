"""How the driver spells its wishes and reads Docker's answers: values, without an engine."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from minato.drivers.engine import hijack, specs, views
from minato.drivers.engine.swarm import SwarmEngine
from minato.errors import PlatformError
from minato.values.engine import Container, Limits, Mount, Workload

WORKLOAD = Workload(
    name="x-a_1-p_1-d1",
    image="127.0.0.1:5000/apps/a_1@sha256:aa",
    command=("/cnb/process/web",),
    env={"PORT": "5001", "A": "1"},
    labels={"minato.app": "a_1"},
    replicas=2,
    limits=Limits(memory=256 << 20, cpu=0.5, pids=64),
)


def container(**more) -> Container:
    given = {"name": "c", "image": "i", "command": ("sleep", "1"), "labels": {}, "limits": Limits(memory=100, cpu=1.0)}
    return Container(**(given | more))


def test_a_service_has_every_lock_and_nothing_else():
    spec = specs.service(WORKLOAD, "x")
    inside = spec["task_template"]["ContainerSpec"]

    assert spec["endpoint_spec"] == {"Mode": "dnsrr"}
    assert set(spec) == {"name", "labels", "task_template", "mode", "endpoint_spec"}
    assert (inside["CapabilityDrop"], inside["ReadOnly"], inside["Init"]) == (["ALL"], True, True)
    assert inside["User"] == "1002:1000"
    assert inside["Env"] == ["A=1", "PORT=5001"]
    assert inside["Labels"] == spec["labels"] == {"minato.ns": "x", "minato.app": "a_1"}
    assert [mount["Type"] for mount in inside["Mounts"]] == ["tmpfs"]
    limits = spec["task_template"]["Resources"]["Limits"]
    assert limits == {"MemoryBytes": 256 << 20, "NanoCPUs": 500_000_000, "Pids": 64}
    assert spec["task_template"]["RestartPolicy"] == {"Condition": "any", "Delay": 100_000_000}


def test_a_container_of_ours_has_every_lock():
    host = specs.container(container(), "x")["HostConfig"]

    assert (host["CapDrop"], host["ReadonlyRootfs"], host["Init"]) == (["ALL"], True, True)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Memory"] == host["MemorySwap"] == 100
    assert host["PidsLimit"] == 256
    assert host["NetworkMode"] == "none"
    assert host["RestartPolicy"] == {"Name": "no"}


def test_a_platform_container_starts_always_again():
    assert specs.container(container(restart=True), "x")["HostConfig"]["RestartPolicy"] == {"Name": "always"}


def test_mounts_are_volumes_by_name_and_binds_by_path():
    assert specs.mount(Mount(source="x-cache", target="/cache"))["Type"] == "volume"
    assert specs.mount(Mount(source="/etc/ssl", target="/x", read_only=True)) == {
        "Type": "bind",
        "Source": "/etc/ssl",
        "Target": "/x",
        "ReadOnly": True,
    }


@pytest.mark.parametrize(
    ("entry", "path", "last"),
    [("/tmp", "/tmp", "size=50"), ("/tmp:exec,size=9", "/tmp", "size=9"), ("/home/cnb:exec", "/home/cnb", "exec")],
)
def test_a_tmpfs_is_sized_and_may_be_given_options(entry, path, last):
    where, options = specs.tmpfs(entry, Limits(memory=100, cpu=1.0))

    assert where == path
    assert {"nosuid", "nodev", "mode=1777"} < set(options.split(","))
    assert options.split(",")[-1] == last


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_frames_are_read_from_pieces_of_any_size(size):
    stream = hijack.FRAME.pack(1, 5) + b"hello" + hijack.FRAME.pack(2, 0) + hijack.FRAME.pack(2, 6) + b" world"
    demux = hijack.Demux()

    pieces = [stream[place : place + size] for place in range(0, len(stream), size)]
    assert b"".join(heard for piece in pieces for heard in demux.feed(piece)) == b"hello world"


def test_half_a_frame_is_told_at_once():
    assert list(hijack.Demux().feed(hijack.FRAME.pack(1, 10) + b"half")) == [b"half"]


def test_times_of_nine_digits_are_read_and_the_zero_time_is_none():
    assert views.moment("2026-11-24T10:00:01.123456789Z") == datetime(2026, 11, 24, 10, 0, 1, 123456, tzinfo=UTC)
    assert views.moment("2026-11-24T10:00:01Z") == datetime(2026, 11, 24, 10, 0, 1, tzinfo=UTC)
    assert views.moment("0001-01-01T00:00:00Z") is None


def test_the_ordinal_is_swarm_s_slot():
    assert views.ordinal({views.TASK_NAME: "x-a_1-p_1-d1.3.abcdef"}) == 3
    assert views.ordinal({}) == 0


def test_an_engine_that_is_away_says_so_quickly(tmp_path):
    engine = SwarmEngine(tmp_path / "docker.sock", "x")
    began = time.monotonic()

    for ask in (
        engine.info,
        lambda: engine.ensure(WORKLOAD),
        lambda: engine.instances({}),
        lambda: next(engine.events(0)),
    ):
        with pytest.raises(PlatformError) as caught:
            ask()
        assert caught.value.code == "engine:platform:away"
    assert time.monotonic() - began < 1
