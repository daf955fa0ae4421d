"""`test-shell`: a command in network, mount, process, ipc and host-name namespaces of its own.

It neither sees nor disturbs a platform on the same machine. Everything inside goes with one process; outside
stay a veth link, three rules and a folder, which carry a number and are removed at the end or at the next start.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from launch import leftovers
from launch.inside import OWN_TMP, Link, passing
from launch.network import run, uplink, write_sysctl
from launch.processes import children

UNSHARE = (
    "unshare",
    "--net",
    "--mount",
    "--uts",
    "--ipc",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
)
RESOLV = Path("/etc/resolv.conf")
UPSTREAMS = Path("/run/systemd/resolve/resolv.conf")


def rules(link: Link, resolver: str = "") -> list[list[str]]:
    """Return the rules outside as iptables arguments; with a loopback `resolver` also the way to it."""
    mark = ["-m", "comment", "--comment", f"{leftovers.MARK}{link.number}"]
    source = f"{link.address(2)}/32"
    made = [
        ["-t", "nat", "-I", "POSTROUTING", "-s", source, "!", "-o", link.outside, *mark, "-j", "MASQUERADE"],
        ["-t", "filter", "-I", "FORWARD", "-i", link.outside, *mark, "-j", "ACCEPT"],
        ["-t", "filter", "-I", "FORWARD", "-o", link.outside, *mark, "-j", "ACCEPT"],
    ]
    for kind in ("udp", "tcp") if resolver else ():
        to = ["-j", "DNAT", "--to-destination", f"{resolver}:53"]
        made.append(["-t", "nat", "-I", "PREROUTING", "-i", link.outside, "-p", kind, "--dport", "53", *mark, *to])
    return made


def resolving(text: str, upstreams: str, gateway: str) -> tuple[str, str]:
    """Return the resolv.conf for inside, and the loopback resolver that it needs a way to ("" for none).

    A resolver on a loopback address is not reachable from another network namespace: its own upstreams are taken
    where systemd names them, else queries to the gateway are sent on to it.
    """
    servers = _servers(text)
    if not servers or not all(_is_loopback(server) for server in servers):
        return text, ""
    if upstreams and not any(_is_loopback(server) for server in _servers(upstreams)):
        return upstreams, ""
    others = [line for line in text.splitlines() if not line.startswith("nameserver")]
    return "\n".join([*others, f"nameserver {gateway}", ""]), servers[0]


def _servers(text: str) -> list[str]:
    return [words[1] for line in text.splitlines() if len(words := line.split()) > 1 and words[0] == "nameserver"]


def _is_loopback(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


def settings(number: int, outer: Mapping[str, str]) -> dict[str, str]:
    """Return the environment inside: a platform of its own on a real file system, nothing of the caller's platform."""
    home = leftovers.home(number)
    kept = {
        name: value
        for name, value in outer.items()
        if not name.startswith("MINATO_") or name in ("MINATO_REQUIRE", "MINATO_CACHE")
    }
    return {
        **kept,
        "MINATO_NS": leftovers.namespace(number),
        "MINATO_VAR": str(home / "var"),
        "MINATO_ENGINE_HOME": str(home / "engine"),
        "MINATO_TEST_SHELL": str(number),
        "TMPDIR": str(OWN_TMP),
    }


def run_inside(argv: list[str]) -> int:
    """Run a command in namespaces of its own; return its exit code. Needs root."""
    leftovers.sweep()
    number, lock = leftovers.claim()
    with passing(_not_now):  # a second SIGTERM while we tidy up
        try:
            (leftovers.home(number) / "tmp").mkdir(mode=0o1777)
            return _run(number, argv or [os.environ.get("SHELL", "/bin/bash")])
        finally:
            leftovers.remove(number)
            lock.close()


def _not_now(number: int, frame: FrameType | None) -> None:
    """What asks for an end outside of the command waits until everything is removed."""


def _run(number: int, argv: list[str]) -> int:
    upstreams = UPSTREAMS.read_text() if UPSTREAMS.exists() else ""
    resolv, resolver = resolving(RESOLV.read_text(), upstreams, Link(number=number).address(1))
    link = Link(number=number, mtu=uplink().mtu, resolv=resolv)
    ready_read, ready_write = os.pipe()
    go_read, go_write = os.pipe()
    inner = [sys.executable, "-m", "launch.inside", str(ready_write), str(go_read), json.dumps(asdict(link))]
    # The kernel ends unshare when we die, unshare ends the first process inside, and that one everything there.
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *UNSHARE, *inner, "--", *argv],
        env=settings(number, os.environ),
        pass_fds=(ready_write, go_read),
    )
    os.close(ready_write)
    os.close(go_read)
    os.read(ready_read, 1)  # the namespaces are there, or everybody who could have said so is gone
    os.close(ready_read)
    if child.poll() is None:
        _connect(link, child.pid, resolver)
        os.write(go_write, b"1")
    os.close(go_write)
    return _wait(child)


def _connect(link: Link, pid: int, resolver: str) -> None:
    """Lay the link into the namespace of `pid` and let its packets through."""
    run("ip", "link", "add", link.outside, "type", "veth", "peer", "name", link.inside, "netns", str(pid))
    run("ip", "address", "add", f"{link.address(1)}/30", "dev", link.outside)
    run("ip", "link", "set", link.outside, "mtu", str(link.mtu), "up")
    write_sysctl("net/ipv4/ip_forward", "1")  # left on: turning it off could cut an engine that came meanwhile
    if resolver:
        write_sysctl(f"net/ipv4/conf/{link.outside}/route_localnet", "1")
    for rule in rules(link, resolver):
        run("iptables", "-w", *rule)


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for the child; an asked end goes to the first process inside, because unshare itself ignores it."""

    def pass_on(number: int, _: FrameType | None) -> None:
        for inner in children(child.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(inner, number)

    with passing(pass_on):
        code = child.wait()
    return code if code >= 0 else 128 - code
