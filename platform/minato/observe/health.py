"""Health is what was last seen and when: a rule over observations, with no hope in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

STALE = 10.0  # seconds after which an observation is none
RUNNING = ("created", "running", "restarting")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One container as its node last saw it. `check` is the router's word for it, "" where the router does not ask."""

    process: str  # type
    ordinal: int
    state: str
    ready: bool
    check: str
    exit_code: int | None = None

    @property
    def name(self) -> str:
        return f"{self.process}.{self.ordinal}"

    @property
    def up(self) -> bool:
        return self.ready if self.check or self.process == "web" else self.state == "running"

    def words(self) -> str:
        """Return what the last look said, e.g. `web.1: running, L4CON`."""
        said = [
            self.state,
            *filter(None, [self.check]),
            *([f"exit code {self.exit_code}"] if self.exit_code is not None else []),
        ]
        return f"{self.name}: {', '.join(said)}"


@dataclass(frozen=True, kw_only=True)
class Health:
    """`status` is running, starting, degraded, crashed, stopped, unknown or none; `age` in s, None: never seen."""

    status: str
    why: str = ""
    ready: int = 0
    desired: int = 0
    observed_at: datetime | None = None
    age: float | None = None
    instances: tuple[Seen, ...] = ()


def judge(
    *,
    released: bool,
    formation: Mapping[str, int],
    crashed: Mapping[str, int | None],
    seen: Iterable[Seen],
    observed_at: datetime | None,
    now: datetime,
    stale: float = STALE,
) -> Health:
    """Return the health of one app.

    `formation` maps a process type to how many are desired, `crashed` a type that the platform has stopped to its last
    exit code; `observed_at` is the last report of the app's nodes.
    """
    instances = tuple(seen)
    ready = sum(
        min(wanted, sum(one.up for one in instances if one.process == process)) for process, wanted in formation.items()
    )
    desired = sum(formation.values())
    age = (now - observed_at).total_seconds() if observed_at else None
    status, why = _status(released, desired, ready, crashed, instances, age, stale)
    return Health(
        status=status, why=why, ready=ready, desired=desired, observed_at=observed_at, age=age, instances=instances
    )


def _status(
    released: bool,
    desired: int,
    ready: int,
    crashed: Mapping[str, int | None],
    seen: tuple[Seen, ...],
    age: float | None,
    stale: float,
) -> tuple[str, str]:
    if not released:
        return "none", ""
    if crashed:
        return "crashed", ", ".join(f"{process}: exit code {code}" for process, code in sorted(crashed.items()))
    if age is None or age > stale:
        return "unknown", "never observed" if age is None else f"last observed {age:.0f} s ago"
    if desired == 0:
        return "stopped", ""
    if ready >= desired:
        return "running", ""
    waiting = ", ".join(one.words() for one in seen if one.state in RUNNING and not one.up)
    return ("degraded" if ready else "starting"), waiting
