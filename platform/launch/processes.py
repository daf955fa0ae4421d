"""Processes as the kernel tells of them: an id means nothing without its start time."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

PROC = Path("/proc")


def start_time(pid: int) -> int:
    """Return when the process began, in clock ticks since boot; 0 when there is none, or only its zombie."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in ("Z", "X") else int(fields[19])


def alive(pid: int, started: int) -> bool:
    """Say whether that very process still runs."""
    return started != 0 and start_time(pid) == started


def children(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    try:
        return [int(word) for word in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    except OSError:
        return []


def with_environment(name: str, value: str) -> list[int]:
    """Return the processes whose environment holds `name=value`, but for ourselves."""
    wanted = f"{name}={value}".encode()
    found = []
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]


def of_session(leader: int, started: int) -> list[int]:
    """Return the processes of a session whose leader is gone, none of which is older than the leader was.

    A session's number is given to nobody else while it has members; if a process has it, it is a later session.
    """
    if start_time(leader):
        return []
    pids = [int(folder.name) for folder in PROC.glob("[0-9]*")]
    return [pid for pid in pids if _session(pid) == leader and start_time(pid) >= started]


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def name_of(pid: int) -> str:
    """Return the program's short name, empty when it is gone."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def end(pid: int, *, seconds: float, first: signal.Signals = signal.SIGTERM) -> bool:
    """Ask a process to end, kill it after `seconds`; return whether it went by itself."""
    started = start_time(pid)
    _signal(pid, first)
    if gone(pid, started, seconds):
        return True
    _signal(pid, signal.SIGKILL)
    gone(pid, started, 5.0)
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def gone(pid: int, started: int, seconds: float) -> bool:
    """Wait for the end of that very process; False if it still runs after `seconds`."""
    until = time.monotonic() + seconds
    while alive(pid, started):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
