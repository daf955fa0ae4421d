"""Test shells: which rules and addresses, how names resolve, and what is left of a dead one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launch import leftovers, shell
from launch.inside import Link


def test_an_address_block_per_shell_from_the_carrier_range():
    assert Link(number=1).address(1) == "100.64.0.5"
    assert Link(number=1).address(2) == "100.64.0.6"
    assert Link(number=4194304 - 1).address(2) == "100.127.255.254"
    assert len(Link(number=4194304).inside) <= 15


def test_three_rules_each_with_the_number():
    made = shell.rules(Link(number=77))
    assert len(made) == 3
    assert all("minato-test-77" in rule for rule in made)


def test_a_loopback_resolver_gets_two_more():
    assert len(shell.rules(Link(number=77), "127.0.0.53")) == 5


@pytest.mark.parametrize(
    ("text", "upstreams", "expected"),
    [
        ("nameserver 10.0.0.1\n", "", ("nameserver 10.0.0.1\n", "")),
        ("search x\nnameserver 127.0.0.53\n", "nameserver 10.0.0.2\n", ("nameserver 10.0.0.2\n", "")),
        ("search x\nnameserver 127.0.0.53\n", "", ("search x\nnameserver 100.64.0.5\n", "127.0.0.53")),
        ("nameserver 127.0.0.1\nnameserver 10.0.0.1\n", "", ("nameserver 127.0.0.1\nnameserver 10.0.0.1\n", "")),
        ("", "", ("", "")),
    ],
)
def test_names_resolve_inside_whatever_the_host_does(text: str, upstreams: str, expected: tuple[str, str]):
    assert shell.resolving(text, upstreams, "100.64.0.5") == expected


def test_a_platform_inside_knows_nothing_of_one_outside():
    given = shell.settings(7, {"MINATO_URL": "x", "MINATO_PORT": "1", "MINATO_REQUIRE": "1", "HOME": "/h"})
    assert "MINATO_URL" not in given
    assert "MINATO_PORT" not in given
    assert given["MINATO_REQUIRE"] == "1"
    assert given["MINATO_NS"] == "t7"
    assert given["MINATO_VAR"].startswith("/var/lib/minato/test-7/")


def test_a_claimed_number_lives_until_its_lock_is_closed(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(leftovers, "SHELLS", tmp_path)
    number, lock = leftovers.claim()
    assert leftovers.lives(number)
    lock.close()
    assert not leftovers.lives(number)


def test_two_shells_of_one_process_have_two_numbers(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(leftovers, "SHELLS", tmp_path)
    one, first = leftovers.claim()
    two, second = leftovers.claim()
    assert one != two
    first.close()
    second.close()


LOOK = "import os, socket; print(os.getpid(), socket.gethostname(), sorted(os.listdir('/sys/class/net')))"


def run(*argv: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "launch", "test-shell", "--", *argv], capture_output=True, text=True, timeout=60
    )


def test_a_shell_has_its_own_processes_interfaces_and_names_and_passes_the_exit_code_on():
    done = run(sys.executable, "-c", LOOK + "; raise SystemExit(7)")
    assert done.returncode == 7
    pid, host, rest = done.stdout.split(maxsplit=2)
    assert int(pid) < 30
    assert host == "minato-test"
    assert rest.count("mtvi") == 1
    assert "eth0" not in rest


def test_nothing_is_left_afterwards():
    before = traces()
    run("true")
    assert traces() == before


def test_an_end_asked_for_twice_leaves_nothing_either():
    before = traces()
    child = subprocess.Popen([sys.executable, "-m", "launch", "test-shell", "--", "sleep", "60"])
    wait_for_traces(len(before) + 4)
    time.sleep(0.5)
    for _ in range(20):
        child.terminate()
        time.sleep(0.01)
    assert child.wait(timeout=20) in (128 + signal.SIGTERM, -signal.SIGTERM)
    assert traces() == before


def wait_for_traces(count: int) -> None:
    """Wait for a folder and three rules."""
    until = time.monotonic() + 20
    while len(traces()) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_what_a_killed_shell_leaves_is_gone_with_the_next():
    before = traces()
    argv = [sys.executable, "-m", "launch", "test-shell", "--", "sleep", "60"]
    child = subprocess.Popen(argv)
    wait_for_traces(len(before) + 4)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert traces() != before
    run("true")
    assert traces() == before


def traces() -> list[str]:
    """Return what test shells of this place show outside themselves, ours alone if we sit in one."""
    own = os.environ.get("MINATO_TEST_SHELL", "")
    folders = [str(path) for path in leftovers.SHELLS.glob("test-*") if path.name != f"test-{own}"]
    rules = [" ".join(rule) for table in ("nat", "filter") for rule in leftovers.rules(table)]
    links = [path.name for path in Path("/sys/class/net").glob(f"{leftovers.VETH}[0-9]*")]
    return sorted([*folders, *links, *(rule for rule in rules if leftovers.MARK in rule)])
