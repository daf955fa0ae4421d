"""`run`: the platform up, its first operator and app; then watching until Ctrl-C, which ends the control group."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import UTC, datetime
from types import FrameType

from launch import first_app, group, ready, runjson, supervise
from launch.programs import CONTROL, NODE
from launch.steps import Steps, say, warn
from launch.up import only_one, up
from minato.errors import MinatoError
from minato.values.config import Config

LOOK = 1.0


def run(config: Config, steps: Steps, *, detach: bool) -> int:
    """Start, show the way in, deploy the sample app once, then watch; return the exit code."""
    steps.taken[:0] = [
        (str(name), float(seconds)) for name, seconds in json.loads(os.environ.get("MINATO_SETUP", "[]"))
    ]
    if live(config):
        print(f"-----> This platform already runs: {config.url}", flush=True)
        say("`make stop` ends it, `make login` prints a new sign-in link.")
        return 0
    stop = _end_requested()
    link = up(config, steps)
    greet(config, steps, link)
    if detach or stop.is_set():
        return 0 if detach else end(config)
    watch(config, stop)
    return end(config)


def live(config: Config) -> bool:
    """Say whether this checkout's own code runs and answers."""
    found = group.read(config, CONTROL)
    same = found is not None and found.code == group.code_version(config)
    return same and bool(runjson.read(config)) and ready.web_answers(config)


def greet(config: Config, steps: Steps, link: str) -> None:
    """Print the first operator's link, the sample app's story, and where the time went."""
    try:
        first_app.deploy_once(config, steps)
    except MinatoError as error:
        for line in error.lines():
            warn(line)
    print("-----> Where the time went", flush=True)
    print(steps.table(), flush=True)
    print(f"-----> Minato is up: {config.url}", flush=True)
    if link:
        say("Sign in as the first operator with this link; it works once:")
        say(link)
    else:
        say("`make login` prints a new sign-in link.")


def watch(config: Config, stop: threading.Event) -> None:
    """Stay until asked to end, and say which process died and came back."""
    say("Ctrl-C ends the control group; apps go on running. `make stop` ends everything.")
    before = _pids(config)
    while not stop.wait(LOOK):
        now = _pids(config)
        for line in changes(before, now):
            print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)
        before = now
        if group.read(config, CONTROL) is None:
            warn("the control group's supervisor is gone; `make run` starts it again")
            return


def changes(before: dict[str, tuple[str, int]], now: dict[str, tuple[str, int]]) -> list[str]:
    """Return one line for each process whose state or process id is another one."""
    lines = []
    for name, (state, pid) in now.items():
        was, old = before.get(name, ("", 0))
        if state != was and state in ("BACKOFF", "FATAL", "EXITED", "STOPPED"):
            lines.append(f"{name} ended ({state.lower()})")
        elif pid and old and pid != old:
            lines.append(f"{name} ended and was started again (pid {pid})")
    return lines


def _pids(config: Config) -> dict[str, tuple[str, int]]:
    rows = [row for which in (NODE, CONTROL) for row in supervise.states(config, which).values()]
    return {row["name"]: (row["statename"], row["pid"]) for row in rows}


def end(config: Config) -> int:
    """End the control group and leave the node group running."""
    began = time.monotonic()
    print("\n-----> Ending the control group", flush=True)
    with only_one(config):
        runjson.remove(config)
        group.end(config, CONTROL)
    say(f"ended after {time.monotonic() - began:.1f} s; the node group and all apps go on, `make stop` ends them")
    return 0


def _end_requested() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop
