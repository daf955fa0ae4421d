"""`doctor` and `status`: what runs, what is broken, and how to mend it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from launch import group, ready, runjson, supervise
from launch.programs import CONTROL, NODE
from minato.values.config import Config

SCARCE = 2 << 30  # bytes
LONGEST_SOCKET = 107  # bytes, by the kernel
NF = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


@dataclass(frozen=True)
class Check:
    """One question with its answer; `fix` says what to do when it is not well."""

    name: str
    well: bool
    fix: str


def checks(config: Config) -> list[Check]:
    """Ask every part of a platform that should run."""
    return [*_place(config), *_programs(config), *_answers(config)]


def _place(config: Config) -> list[Check]:
    free = min(shutil.disk_usage(_existing(path)).free for path in (config.var, config.engine_home))
    sockets = (config.engine_socket, config.registry_socket, config.router_socket, config.hook_socket)
    longest = max(len(str(path)) for path in sockets)
    return [
        Check(f"disk: {free >> 20} MB free", free > SCARCE, "Free some space: builds and images need 2 GB."),
        Check("paths of sockets fit", longest <= LONGEST_SOCKET, "Set MINATO_VAR to a shorter path."),
        Check(
            "bridged packets are filtered",
            _one(NF),
            "modprobe br_netfilter; sysctl net.bridge.bridge-nf-call-iptables=1",
        ),
        Check("packets are forwarded", _one(Path("/proc/sys/net/ipv4/ip_forward")), "sysctl net.ipv4.ip_forward=1"),
    ]


def _programs(config: Config) -> list[Check]:
    found = []
    for which in (NODE, CONTROL):
        leader = group.read(config, which)
        found.append(Check(f"{which} group's supervisor", leader is not None, "make run"))
        for name, row in supervise.states(config, which).items():
            said = f"{name} {row['statename'].lower()}"
            found.append(Check(said, row["statename"] == "RUNNING", f"Its words: {row['stdout_logfile']}"))
    return found


def _answers(config: Config) -> list[Check]:
    fixes = {"engine": "make stop; make run", "web": "make run"}
    asked: dict[str, Callable[[], bool]] = ready.checks(config)
    return [
        Check(f"{name} answers", ask(), f"{fixes.get(name, 'make run')}; its log is in {config.logs}")
        for name, ask in asked.items()
    ]


def taken_ports(config: Config) -> list[Check]:
    """Ask, before a start, whether somebody else holds our ports."""
    return [
        Check(f"port {port} ({name}) is free", _is_free(port), "Set MINATO_PORT to the first of 16 free ports.")
        for name, port in vars(config.ports).items()
    ]


def doctor(config: Config) -> int:
    """Print every check with its fix; return 0 when all is well."""
    lines = checks(config) if group.read(config, NODE) else [*_place(config), *taken_ports(config)]
    for check in lines:
        print(f"{'  ok ' if check.well else ' !   '} {check.name}" + ("" if check.well else f"\n       {check.fix}"))
    broken = sum(not check.well for check in lines)
    print(f"{len(lines) - broken} of {len(lines)} are well")
    return 1 if broken else 0


def status(config: Config) -> int:
    """Print what runs and where."""
    facts = runjson.read(config)
    print(f"namespace {config.ns}, {facts['url'] if facts else 'not up'}")
    for which in (NODE, CONTROL):
        for name, row in supervise.states(config, which).items():
            print(f"{which:<8} {name:<16} {row['description']}")
    return 0 if facts else 1


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _one(file: Path) -> bool:
    return file.exists() and file.read_text().strip() == "1"


def _is_free(port: int) -> bool:
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
