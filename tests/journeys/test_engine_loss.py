"""The engine is killed while apps are under load: requests are served, and nobody ever gets another's answer."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from person import Person, Platform, eventually, plain_app, visiting

pytestmark = pytest.mark.journey


def dockerd(wrapper: int) -> int:
    """Return the pid of the engine that a wrapper looks after."""
    children = Path(f"/proc/{wrapper}/task/{wrapper}/children").read_text().split()
    return next(int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd")


def test_five_apps_survive_the_death_of_the_engine(person: Person, platform: Platform):
    names = [person.deployed(plain_app(f"i am {n}"), stem=f"e{n}")[0] for n in range(5)]
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(visiting(platform, name, every=0.1)) for name in names]
        time.sleep(1)
        away_from = [load.total for load in loads]
        os.kill(dockerd(platform.run["pids"]["engine"]), signal.SIGKILL)
        time.sleep(0.3)
        failed_while_away = [list(load.failed) for load in loads]

        def back():
            """all five running again"""
            return all(person.app(name)["status"] == "running" for name in names)

        time.sleep(5)
        eventually(back, within=90, every=1)
        time.sleep(2)
    assert all(load.total > before for load, before in zip(loads, away_from, strict=True))
    assert failed_while_away == [[]] * 5
    for number, load in enumerate(loads):
        assert set(load.bodies) == {f"i am {number}"}
