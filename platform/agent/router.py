"""Keeps HAProxy as the newest generation says, with the instances that are there: the file first, then the socket."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agent.instances import Sight, service_of
from minato.drivers.router import Router
from minato.errors import PlatformError
from minato.route import haproxy, plan, statefile, stats
from minato.route.plan import Server, Table
from minato.route.statefile import Kept
from minato.route.stats import ServerStat, Stats
from minato.values.engine import Instance
from minato.values.router import RouterState, SlotCounts

log = logging.getLogger(__name__)

COUNT = 0.4  # seconds between two looks at the counters


@dataclass(frozen=True, kw_only=True)
class View:
    """What one step left behind. `who` names the HAProxy that answered, "" when none did."""

    generation: int
    who: str = ""
    stats: Stats = field(default_factory=Stats)
    settled: bool = False  # every server that should be there is, and has answered its check


class RouterKeeper:
    """One thread calls `step`. A HAProxy that was started again is noticed by its process id, and filled again."""

    def __init__(self, router: Router, *, file: Path, slots: int) -> None:
        self.router = router
        self.file = file
        self.slots = slots
        self.kept = read(file)
        self.applied = 0
        self._saved = True
        self._who = ""
        self._maps: dict[str, dict[str, str]] = {}
        self._counts: dict[str, SlotCounts] = {}
        self._counted_at = 0.0

    def step(self, state: RouterState | None, sight: Sight) -> View:
        """Bring disk and router to `state` (None: what is kept) and to what `sight` shows."""
        self._keep(self._wanted(state or self.kept.state, sight))
        table = plan.table(self.kept.state, self.kept.servers, slots=self.slots)
        try:
            return self._apply(table)
        except PlatformError as error:
            log.warning("router: %s %s", error.message, error.evidence)
            self._who = ""
            return View(generation=self.applied)

    def _wanted(self, state: RouterState, sight: Sight) -> Kept:
        """Return what should be; without an engine the servers stay, for the instances very likely do."""
        if sight.engine:
            here = by_service(sight.instances)
            return Kept(state=state, servers={slot.number: here.get(slot.service, ()) for slot in state.slots})
        before = {slot.number: slot.service for slot in self.kept.state.slots}
        same = [slot.number for slot in state.slots if before.get(slot.number) == slot.service]
        return Kept(state=state, servers={number: self.kept.servers.get(number, ()) for number in same})

    def _keep(self, wanted: Kept) -> None:
        """Write the file. When that fails the router still follows the instances, but no generation is acknowledged."""
        if wanted == self.kept and self._saved:
            return
        self.kept = wanted
        try:
            statefile.write(self.file, wanted)
            self._saved = True
        except OSError as error:
            self._saved = False
            log.error("the router's state cannot be written: %s", error)

    def _apply(self, table: Table) -> View:
        who, _ = stats.read_info(self.router.command("show info"))
        if who != self._who:
            self._meet(who)
        seen = self._look()
        lines = plan.commands(Table(maps=self._maps, servers=_present(seen)), table)
        if lines:
            self._send(lines)
            seen = self._look()
            self._counted_at = 0.0
        self._maps = {name: dict(content) for name, content in table.maps.items()}
        if self._saved:
            self.applied = self.kept.state.generation
        self._count(table)
        there = tuple(server for server in seen if server.name in table.servers.get(server.backend, {}))
        stats_now = Stats(servers=there, counts=dict(self._counts))
        return View(generation=self.applied, who=who, stats=stats_now, settled=_settled(seen, table))

    def _meet(self, who: str) -> None:
        """Read all that a HAProxy holds which we do not know: it, or we, have just started."""
        log.info("router %s: reading what it holds", who)
        answers = self.router.commands([f"show map {name}" for name in haproxy.MAPS])
        self._maps = {name: stats.read_map(answer) for name, answer in zip(haproxy.MAPS, answers, strict=True)}
        self._counted_at = 0.0
        self._who = who

    def _look(self) -> tuple[ServerStat, ...]:
        """Return every server of every backend: 500 in 10 ms."""
        return stats.read_stats([self.router.command("show stat -1 4 -1")]).servers

    def _count(self, table: Table) -> None:
        """Read the counters of the slots that are held, at most every COUNT seconds, and at once for a new one."""
        if table.servers.keys() == self._counts.keys() and time.monotonic() - self._counted_at < COUNT:
            return
        answers = self.router.commands([f"show stat {name} 2 -1" for name in sorted(table.servers)])
        self._counts = dict(stats.read_stats(answers).counts)
        self._counted_at = time.monotonic()

    def _send(self, lines: list[str]) -> None:
        """Send all. A server with a connection left refuses to be deleted: the next step asks again."""
        batch: list[str] = []
        for line in [*lines, ""]:
            if line and not line.startswith("del server "):
                batch.append(line)
                continue
            if batch:
                self.router.commands(batch)
            batch = []
            if line:
                self._delete(line)

    def _delete(self, line: str) -> None:
        try:
            self.router.command(line)
        except PlatformError as error:
            if not error.code.endswith(":refused"):
                raise
            log.debug("%s: %s", line, error.evidence)


def read(file: Path) -> Kept:
    """Return what the file keeps; a file that nobody understands is as good as none, and is told."""
    try:
        return statefile.read(file)
    except (ValueError, KeyError, TypeError) as error:
        log.error("the router's state file is not readable, starting without it: %s", error)
        return Kept()


def by_service(instances: Iterable[Instance]) -> dict[str, tuple[Server, ...]]:
    """Return each service's servers: its running instances that have an address."""
    found: dict[str, list[Server]] = {}
    for seen in instances:
        if seen.state == "running" and seen.address:
            found.setdefault(service_of(seen), []).append(Server(name=server_name(seen), address=seen.address))
    return {service: tuple(sorted(some, key=lambda server: server.name)) for service, some in found.items()}


def server_name(instance: Instance) -> str:
    """Return the name of an instance in the router and in its log."""
    return f"web.{instance.ordinal}.{instance.container[:12]}"


def _present(seen: Iterable[ServerStat]) -> dict[str, dict[str, str]]:
    """Return the servers that HAProxy has. One in maintenance that is wanted has no address: it is made anew."""
    found: dict[str, dict[str, str]] = {}
    for server in seen:
        found.setdefault(server.backend, {})[server.name] = "" if server.status.startswith("MAINT") else server.address
    return found


def _settled(seen: Collection[ServerStat], table: Table) -> bool:
    here = {(server.backend, server.name) for server in seen if server.ready}
    wanted = {(backend, name) for backend, some in table.servers.items() for name in some}
    return here == wanted and len(seen) == len(wanted)
