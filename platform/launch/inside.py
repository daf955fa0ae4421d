"""The first process inside a test shell: network, /sys and /run of its own, then the command and its orphans."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from launch.leftovers import VETH, home
from launch.network import run

RESOLV = Path("/etc/resolv.conf")
OWN_RUN = Path("/run")
OWN_TMP = OWN_RUN / "tmp"
HOST_NAME = "minato-test"


@dataclass(frozen=True, kw_only=True)
class Link:
    """The way out of a test shell. Addresses are IPv4 from a /30 of 100.64.0.0/10, which no docker network uses."""

    number: int
    mtu: int = 1500
    resolv: str = ""

    @property
    def outside(self) -> str:
        return f"{VETH}{self.number}"

    @property
    def inside(self) -> str:
        return f"{VETH}i{self.number}"

    def address(self, host: int) -> str:
        """Return the address of host 1 (outside) or 2 (inside)."""
        block = self.number % (1 << 20)
        low = block * 4 + host
        return f"100.{64 + (low >> 16)}.{(low >> 8) & 255}.{low & 255}"


def main(argv: list[str]) -> int:
    """Say that the namespaces are there, wait for the link, make the place ready, run the command."""
    ready, go, told, dashes, *command = argv
    assert dashes == "--"
    os.write(int(ready), b"1")
    os.close(int(ready))
    if not os.read(int(go), 1):
        return 1
    os.close(int(go))
    link = Link(**json.loads(told))
    socket.sethostname(HOST_NAME)
    own_sys()
    own_run(link.resolv)
    own_tmp(home(link.number) / "tmp")
    bring_up(link)
    return attend(command)


def bring_up(link: Link) -> None:
    """Give the namespace its loopback, its address and its way out."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{link.address(2)}/30", "dev", link.inside)
    run("ip", "link", "set", link.inside, "mtu", str(link.mtu), "up")
    run("ip", "route", "add", "default", "via", link.address(1))


def own_sys() -> None:
    """Mount /sys anew, so that it shows this namespace's interfaces, and keep the control groups under it."""
    aside = Path("/mnt")
    run("mount", "--rbind", "/sys/fs/cgroup", str(aside))
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "--rbind", str(aside), "/sys/fs/cgroup")
    run("umount", "--recursive", "--lazy", str(aside))


def own_run(resolv: str) -> None:
    """Mount an empty /run: engines share /run/docker and /run/containerd. /etc/resolv.conf may lead into it."""
    target = RESOLV.resolve()
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(OWN_RUN))
    (OWN_RUN / "lock").mkdir()
    if target.is_relative_to(OWN_RUN):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(resolv)
        return
    own = OWN_RUN / "minato-resolv.conf"
    own.write_text(resolv)
    run("mount", "--bind", str(own), str(target))


def own_tmp(folder: Path) -> None:
    """Show the shell's folder for temporary files at a short path: a Unix socket's path has 107 bytes."""
    OWN_TMP.mkdir(mode=0o1777)
    run("mount", "--bind", str(folder), str(OWN_TMP))


def attend(command: list[str]) -> int:
    """Run the command, reap every orphan meanwhile, return the command's exit code (128 + signal)."""
    child = subprocess.Popen(command)
    with passing(lambda number, _: child.send_signal(number)):
        while True:
            pid, status = os.wait()
            if pid == child.pid:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code


@contextlib.contextmanager
def passing(pass_on: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Hand the signals that ask for an end to `pass_on`. A terminal sends Ctrl-C to everybody by itself."""
    wanted: dict[signal.Signals, object] = {signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    wanted[signal.SIGINT] = _nothing if os.isatty(0) else pass_on
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(number: int, frame: FrameType | None) -> None:
    """A handler instead of SIG_IGN: children inherit what is ignored."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
