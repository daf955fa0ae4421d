"""What runs on this node: containers by their labels, again at every event of the engine and at least every second."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from agent.bell import Bell
from minato.drivers.engine import Engine
from minato.errors import PlatformError
from minato.values.engine import Event as EngineEvent
from minato.values.engine import Instance

PERIOD = 1.0
RETRY = 0.5
STALE = 5.0  # a look that takes longer counts as an engine that does not answer
REMEMBER = 60.0  # seconds that an exit is reported although Swarm has removed its container

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What the last look saw. Without an engine the instances are those of the last look that had one."""

    instances: tuple[Instance, ...] = ()
    engine: bool = False
    engine_started_at: str = ""


class Watch:
    """Two threads call `look_always` and `follow_always`; anybody reads `sight`."""

    def __init__(self, engine: Engine, *, ns: str, socket: Path, bell: Bell, ended: Event) -> None:
        self.engine = engine
        self.labels = {"minato.ns": ns}
        self.socket = socket
        self.changed = bell
        self.ended = ended
        self._again = Bell()
        self._seen = Sight()
        self._at = time.monotonic()
        self._exits: dict[str, tuple[float, Instance]] = {}

    @property
    def sight(self) -> Sight:
        """Return the last look, as one without an engine when it has become old."""
        if time.monotonic() - self._at > STALE:
            return Sight(instances=self._seen.instances, engine_started_at=self._seen.engine_started_at)
        return self._seen

    def look_always(self) -> None:
        while not self.ended.is_set():
            self.look()
            self._again.wait(PERIOD)

    def look(self) -> None:
        """Look once, and ring when something is different."""
        before = self._seen
        try:
            found = [seen for seen in self.engine.instances(self.labels) if "minato.deploy" in seen.labels]
            gone = self._gone({seen.container for seen in found})
            seen = Sight(instances=(*found, *gone), engine=True, engine_started_at=started_at(self.socket))
        except PlatformError as error:
            if before.engine:
                log.warning("the engine does not answer: %s", error.evidence or error.message)
            seen = Sight(instances=before.instances, engine_started_at=before.engine_started_at)
        self._seen, self._at = seen, time.monotonic()
        if seen != before:
            self.changed.ring()

    def follow_always(self) -> None:
        since = time.time()
        while not self.ended.is_set():
            try:
                for event in self.engine.events(since):
                    since = event.at.timestamp()  # a stream that breaks off goes on here; an event twice is harmless
                    self._note(event)
                    self._again.ring()
            except PlatformError as error:
                log.debug("no events: %s", error.message)
            self._again.ring()
            time.sleep(RETRY)

    def _note(self, event: EngineEvent) -> None:
        """Remember an exit: the container may be gone before the next look."""
        if event.action == "die" and "minato.deploy" in event.labels:
            self._exits[event.container] = (time.monotonic(), exited(event))

    def _gone(self, present: set[str]) -> list[Instance]:
        now = time.monotonic()
        for container in [name for name, (at, _) in self._exits.items() if now - at > REMEMBER]:
            del self._exits[container]
        return [instance for name, (_, instance) in list(self._exits.items()) if name not in present]


def exited(event: EngineEvent) -> Instance:
    """Return the instance that an exit leaves when its container is removed at once."""
    name = event.labels.get("com.docker.swarm.task.name", "")
    ordinal = name.split(".")[1] if name.count(".") >= 2 else "0"
    return Instance(
        container=event.container,
        name=name,
        labels=event.labels,
        state="exited",
        exit_code=event.exit_code,
        finished_at=event.at,
        ordinal=int(ordinal) if ordinal.isdigit() else 0,
    )


def service_of(instance: Instance) -> str:
    """Return the engine service of a Swarm task's container, which is called `<service>.<ordinal>.<task id>`."""
    return instance.labels.get("com.docker.swarm.service.name", "") or instance.name.lstrip("/").rsplit(".", 2)[0]


def started_at(socket: Path) -> str:
    """Return when the engine started (RFC 3339), which is when it made its socket; "" without one."""
    try:
        return datetime.fromtimestamp(socket.stat().st_mtime, UTC).isoformat()
    except OSError:
        return ""


def report(instance: Instance) -> Mapping[str, object]:
    """Return an instance as `Observed.instances` has it; times in RFC 3339 or null."""
    return {
        "container": instance.container,
        "service": service_of(instance),
        "labels": dict(instance.labels),
        "state": instance.state,
        "ordinal": instance.ordinal,
        "address": instance.address,
        "exit_code": instance.exit_code,
        "oom": instance.oom,
        "started_at": _time(instance.started_at),
        "finished_at": _time(instance.finished_at),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
