"""The supervisor's event listener: it gives up on what keeps dying (FATAL), we try again every 30 s and say so."""

from __future__ import annotations

import os
import sys
import time
import xmlrpc.client
from dataclasses import dataclass, field

from supervisor import childutils

PATIENCE = 30.0


@dataclass
class Fatal:
    """Who is given up, since when (seconds of a monotonic clock)."""

    since: dict[str, float] = field(default_factory=dict)

    def given_up(self, name: str, now: float) -> None:
        self.since[name] = now

    def due(self, now: float) -> list[str]:
        """Return who has waited long enough, and forget them: a new failure is a new event."""
        ready = sorted(name for name, since in self.since.items() if now - since >= PATIENCE)
        for name in ready:
            del self.since[name]
        return ready


def say(line: str) -> None:
    """Write to the log; standard output is the protocol."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), line, file=sys.stderr, flush=True)


def main() -> None:
    """Speak supervisor's event protocol until it closes our input."""
    fatal = Fatal()
    supervisor = childutils.getRPCInterface(os.environ).supervisor
    while True:
        headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
        if headers["eventname"] == "PROCESS_STATE_FATAL":
            facts = childutils.get_headers(payload)
            name = f"{facts['groupname']}:{facts['processname']}"
            fatal.given_up(name, time.monotonic())
            say(f"{name} keeps ending: started again in {PATIENCE:.0f} s")
        for name in fatal.due(time.monotonic()):
            _start(supervisor, name)
        childutils.listener.ok(sys.stdout)


def _start(supervisor: object, name: str) -> None:
    try:
        supervisor.startProcess(name, False)  # type: ignore[attr-defined]
        say(f"{name} started again")
    except xmlrpc.client.Fault as fault:  # somebody else was faster, or stops the group
        say(f"{name} not started: {fault.faultString}")


if __name__ == "__main__":
    main()
