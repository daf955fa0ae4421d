"""The node process: makes the router what the control plane wants and says what it sees; it goes on without either."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from agent.bell import Bell
from agent.instances import Watch, report
from agent.probes import Counters, seen_servers
from agent.router import RouterKeeper, View
from minato.drivers.nodes import Nodes
from minato.drivers.wiring import Drivers
from minato.errors import PlatformError
from minato.values.config import Config
from minato.values.router import Observed, RouterState

EAGER = 0.05  # seconds between two looks at the router while a server is awaited that has just come
JUST = 5.0  # how long it has just come
FAST = 0.15  # the same afterwards: a look at 500 servers takes 10 ms
AWAITED = 90.0  # how long a server is awaited at all: over the boot limit
SLOW = 1.0
LIVELY = 0.5  # seconds between two reports while something is awaited
RETRY = 0.5

log = logging.getLogger(__name__)


class Agent:
    """Give it drivers and `run` it; `stop` from another thread or a signal ends it."""

    def __init__(self, config: Config, drivers: Drivers) -> None:
        self.config = config
        self.bell = Bell()
        self.ended = threading.Event()
        self.desired = Desired(drivers.nodes, self.bell, self.ended)
        self.watch = Watch(drivers.engine, ns=config.ns, socket=config.engine_socket, bell=self.bell, ended=self.ended)
        self.router = RouterKeeper(drivers.router, file=config.router_state, slots=config.slots)
        self.reports = Reports(drivers.nodes, self.ended, period=config.times.observe)
        self.counters = Counters()
        self._failed = False
        self._moved_at = 0.0
        self._before: Observed | None = None

    def run(self) -> bool:
        """Work until `stop`; return false when a thread of ours died, which the supervisor mends by a new start."""
        for work in (
            self.desired.ask_always,
            self.watch.look_always,
            self.watch.follow_always,
            self.reports.send_always,
        ):
            self.start(work)
        wait = SLOW  # the first look rings; an engine that hangs keeps nobody waiting
        while not self.ended.is_set():
            self.bell.wait(wait)
            wait = self.step()
        return not self._failed

    def start(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread of its own, whose death ends the agent."""
        threading.Thread(target=self._guard, args=(work,), name=work.__qualname__, daemon=True).start()

    def stop(self) -> None:
        self.ended.set()
        self.bell.ring()

    def step(self) -> float:
        """Look, apply, report; return the seconds until the next step if nobody rings."""
        sight = self.watch.sight
        view = self.router.step(self.desired.state, sight)
        observed = Observed(
            node=self.config.node,
            generation=view.generation,
            instances=tuple(report(instance) for instance in sight.instances),
            servers=seen_servers(view.stats, sight.instances),
            counts=self.counters.since_filled(self.router.kept.state, view),
            engine=sight.engine,
            engine_started_at=sight.engine_started_at,
        )
        return self._tell(observed, view)

    def _tell(self, observed: Observed, view: View) -> float:
        now = time.monotonic()
        still = replace(observed, counts=())
        changed = still != self._before
        if changed:
            self._before, self._moved_at = still, now
        still_for = now - self._moved_at
        lively = still_for < self.config.times.prove * 2
        self.reports.give(observed, urgent=changed, period=LIVELY if lively else self.config.times.observe)
        if not view.settled and still_for < AWAITED:
            return EAGER if still_for < JUST else FAST
        return LIVELY if lively else SLOW

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("%s died", work.__qualname__)
            self._failed = True
            self.stop()


class Desired:
    """The newest state that the control plane wants; None until it has said so once."""

    def __init__(self, nodes: Nodes, bell: Bell, ended: threading.Event) -> None:
        self.nodes = nodes
        self.changed = bell
        self.ended = ended
        self.state: RouterState | None = None
        self._after = 0

    def ask_always(self) -> None:
        while not self.ended.is_set():
            self.ask()

    def ask(self) -> None:
        """Ask once. After a silence everything is asked anew: a restored database may count from a lower number."""
        try:
            state = self.nodes.desired(after=self._after)
        except PlatformError as error:
            if self._after:
                log.warning("%s %s", error.message, error.evidence)
            self._after = 0
            time.sleep(RETRY)
            return
        if state is not None:
            self.state, self._after = state, state.generation
            self.changed.ring()


class Reports:
    """Sends the newest report in a thread of its own, so that a slow control plane keeps no router waiting."""

    def __init__(self, nodes: Nodes, ended: threading.Event, *, period: float) -> None:
        self.nodes = nodes
        self.ended = ended
        self.period = period
        self._newest: Observed | None = None
        self._due = Bell()
        self._sent_at = 0.0
        self._away = False

    def give(self, observed: Observed, *, urgent: bool, period: float) -> None:
        """Hand over a report, which is sent at once if it is `urgent` or the last is older than `period` seconds."""
        self._newest = observed
        if urgent or time.monotonic() - self._sent_at >= period:
            self._due.ring()

    def send_always(self) -> None:
        while not self.ended.is_set():
            self._due.wait(self.period)
            if self._newest is not None:
                self.send(self._newest)

    def send(self, observed: Observed) -> None:
        self._sent_at = time.monotonic()
        try:
            self.nodes.observe(observed)
            self._away = False
        except PlatformError as error:
            if not self._away:
                log.warning("not reported: %s %s", error.message, error.evidence)
            self._away = True
            time.sleep(RETRY)
