"""What an earlier test shell left when it was killed: found by its number, and removed."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO

SHELLS = Path("/var/lib/minato")
MARK = "minato-test-"
VETH = "mtv"
CGROUPS = Path("/sys/fs/cgroup")
LOCK = "lock"


def cgroup(ns: str) -> str:
    """Return the name of a namespace's control group in every hierarchy."""
    return f"minato-{ns}"


def home(number: int) -> Path:
    """Return the folder of the test shell with this number."""
    return SHELLS / f"test-{number}"


def claim() -> tuple[int, IO[str]]:
    """Take a free number, our process id if we can; return it with the lock that shows that we live.

    A lock and not a process id: it goes with its holder, and it means the same in every process namespace.
    """
    SHELLS.mkdir(parents=True, exist_ok=True, mode=0o711)
    for number in itertools.count(os.getpid()):
        try:
            home(number).mkdir(mode=0o711)
        except FileExistsError:
            continue
        lock = (home(number) / LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return number, lock
    raise AssertionError("numbers do not end")


def sweep() -> list[int]:
    """Remove whatever dead test shells left; return their numbers."""
    dead = sorted(number for number in _mentioned() if not lives(number))
    for number in dead:
        remove(number)
    return dead


def lives(number: int) -> bool:
    """Say whether somebody holds the lock of this test shell."""
    try:
        with (home(number) / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return _is_young(home(number))
    return False


def _is_young(folder: Path) -> bool:
    """Say whether a folder without a lock has only just been made: its maker is about to lock it."""
    try:
        return time.time() - folder.stat().st_mtime < 5
    except OSError:
        return False


def remove(number: int) -> None:
    """Remove rules, link, cgroups and folder of one test shell. What is not there is no error."""
    remove_rules(number)
    if (Path("/sys/class/net") / f"{VETH}{number}").exists():
        subprocess.run(["ip", "link", "del", f"{VETH}{number}"], check=False, capture_output=True)
    remove_cgroups(cgroup(namespace(number)))
    shutil.rmtree(home(number), ignore_errors=True)


def namespace(number: int) -> str:
    """Return the MINATO_NS of the platform in this test shell."""
    return f"t{number}"


def remove_rules(number: int) -> None:
    """Delete every rule whose comment names this test shell, in both tables."""
    for table in ("nat", "filter"):
        for rule in rules(table):
            if f"{MARK}{number}" in (word.strip('"') for word in rule):
                subprocess.run(["iptables", "-w", "-t", table, "-D", *rule[1:]], check=False, capture_output=True)


def rules(table: str) -> list[list[str]]:
    """Return the appended rules of a table, each as its words."""
    done = subprocess.run(["iptables", "-w", "-t", table, "-S"], check=False, capture_output=True, text=True)
    return [line.split() for line in done.stdout.splitlines() if line.startswith("-A ")]


def remove_cgroups(pattern: str) -> None:
    """Remove empty control groups, the deepest first: no process is in them, so only folders are left."""
    for top in CGROUPS.glob(f"*/{pattern}"):
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:  # somebody still lives there
                continue


def _mentioned() -> set[int]:
    folders = (path.name.removeprefix("test-") for path in SHELLS.glob("test-*"))
    links = (path.name.removeprefix(VETH) for path in Path("/sys/class/net").glob(f"{VETH}*"))
    words = (word for table in ("nat", "filter") for rule in rules(table) for word in rule)
    comments = (word.strip('"').removeprefix(MARK) for word in words if word.strip('"').startswith(MARK))
    groups = (path.name.removeprefix(cgroup("t")) for path in CGROUPS.glob(f"*/{cgroup('t')}*"))
    return {int(text) for text in (*folders, *links, *comments, *groups) if text.isdigit()}
