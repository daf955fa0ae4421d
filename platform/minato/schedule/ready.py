"""Is what was started ready, still coming, or broken? Pure: instances as last reported in, a verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from minato.values.process import Formation

SLOTTED = "web"  # the process type that the router reaches
TOO_MANY_EXITS = 5
CRASH_WINDOW = timedelta(seconds=60)
ENGINE_GRACE = timedelta(seconds=60)
ENDED = frozenset({"exited", "dead", "gone"})


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One instance as an agent last reported it."""

    container: str
    process: str
    state: str
    ready: bool = False  # the router's check says L7OK
    check: str = ""
    exit_code: int | None = None
    oom: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`missing` names the types not ready yet; `crashed` is the last exit of a type that exits again and again."""

    missing: tuple[str, ...] = ()
    crashed: Seen | None = None

    @property
    def ready(self) -> bool:
        return not self.missing and self.crashed is None


def judge(formation: Iterable[Formation], seen: Sequence[Seen], *, now: datetime, settle: timedelta) -> Verdict:
    """Say whether every process type has all its instances ready.

    `web` is ready at the router's word, another type when its instances have run for `settle` without an exit.
    """
    missing: list[str] = []
    for one in formation:
        mine = [instance for instance in seen if instance.process == one.type]
        exits = [instance for instance in mine if instance.ended]
        if len(exits) >= TOO_MANY_EXITS:
            return Verdict(crashed=latest(exits))
        if sum(_is_ready(instance, now - settle) for instance in mine) < one.quantity:
            missing.append(one.type)
    return Verdict(missing=tuple(missing))


def _is_ready(instance: Seen, settled: datetime) -> bool:
    if instance.state != "running":
        return False
    if instance.process == SLOTTED:
        return instance.ready
    return instance.started_at is not None and instance.started_at <= settled


def latest(exits: Sequence[Seen]) -> Seen:
    return max(exits, key=lambda one: (one.finished_at is not None, one.finished_at or datetime.min))


def crashed(seen: Iterable[Seen], *, now: datetime, engine_started: datetime | None) -> Seen | None:
    """Return the last of 5 exits within 60 s, or None. An engine that starts ends instances too: 60 s of grace."""
    after = now - CRASH_WINDOW
    if engine_started is not None:
        after = max(after, engine_started + ENGINE_GRACE)
    exits = [one for one in seen if one.ended and one.finished_at is not None and one.finished_at >= after]
    return latest(exits) if len(exits) >= TOO_MANY_EXITS else None


def why_not(verdict: Verdict, seen: Sequence[Seen], *, port: int, last_check: str = "") -> tuple[str, str]:
    """Return (message, hint) for a deploy whose processes were not ready in time (R10)."""
    kind = verdict.missing[0] if verdict.missing else SLOTTED
    mine = [one for one in seen if one.process == kind]
    exits = [one for one in mine if one.ended]
    if exits:
        last = latest(exits)
        return (
            f"{kind} exits with code {_code(last)} ({len(exits)} times)",
            f"See its last lines above, or run {kind} locally.",
        )
    if kind != SLOTTED:
        return f"{kind} was not running in time", ""
    if not mine:
        return "no instance of web was started in time", "The engine may be busy: push again, or ask an operator."
    check = next((one.check for one in mine if one.check), "")
    if check.startswith("L7"):
        return f"web answers, but not well: {last_check or check}", "Its check path must answer 200 to 399."
    return (
        f"web does not listen on port {port}",
        f"Bind to 0.0.0.0:$PORT ($PORT is {port} now), not to 127.0.0.1 or another port.",
    )


def _code(one: Seen) -> str:
    return "unknown" if one.exit_code is None else f"{one.exit_code}{' (out of memory)' if one.oom else ''}"
