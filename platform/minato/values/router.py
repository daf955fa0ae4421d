"""What the router is told and what it says: one whole state per generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SlotState:
    """One slot: a backend of the router held by one deploy's web process."""

    number: int
    app: str  # public id
    app_name: str  # for logs and error pages
    deploy: int  # number per app
    release: str  # v6
    service: str  # engine service whose instances are its servers
    port: int  # every deploy's web process has a port of its own
    check_path: str = ""  # "" means any status is ready
    check_host: str = ""
    draining: bool = False


@dataclass(frozen=True, kw_only=True)
class RouterState:
    """Everything that one node's router must know, as of `generation`."""

    generation: int
    hosts: Mapping[str, int]  # host name -> slot number
    slots: tuple[SlotState, ...] = ()
    closed: Mapping[str, str] = field(default_factory=dict)  # host -> H-code: an app without a live web process
    owners: Mapping[str, str] = field(default_factory=dict)  # closed host -> app's public id, for its log

    def to_json(self) -> dict[str, object]:
        return {
            "generation": self.generation,
            "hosts": dict(self.hosts),
            "slots": [vars(slot) for slot in self.slots],
            "closed": dict(self.closed),
            "owners": dict(self.owners),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> RouterState:
        """Read what `to_json` wrote; raises KeyError or TypeError on anything else."""
        slots = raw["slots"]
        hosts = raw["hosts"]
        closed, owners = raw.get("closed", {}), raw.get("owners", {})
        if not isinstance(slots, list) or not all(isinstance(some, dict) for some in (hosts, closed, owners)):
            raise TypeError("a router state has lists and maps")
        return cls(
            generation=int(str(raw["generation"])),
            hosts={host: int(number) for host, number in _texts(hosts).items()},
            slots=tuple(SlotState(**slot) for slot in slots),
            closed=_texts(closed),
            owners=_texts(owners),
        )


@dataclass(frozen=True, kw_only=True)
class ServerSeen:
    """One instance as the router's own probe last saw it."""

    slot: int
    container: str
    address: str
    check: str  # HAProxy's check_status: L7OK, L4CON, INI, …
    ready: bool
    last_check: str = ""  # e.g. "HTTP status 503"


@dataclass(frozen=True, kw_only=True)
class SlotCounts:
    """Requests of one slot since it was filled."""

    slot: int
    requests: int
    failed: int  # what the router answered itself for want of an answer (502, 503, 504) and broken responses
    errors_5xx: int
    sessions: int  # open now


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What one node's agent reports, whole, every 2 s and on change. The JSON form is the same names."""

    node: str
    generation: int  # applied to the router
    instances: tuple[
        Mapping[str, object], ...
    ] = ()  # container, labels, state, ordinal, address, exit_code, oom, started_at, finished_at
    servers: tuple[ServerSeen, ...] = ()
    counts: tuple[SlotCounts, ...] = ()
    engine: bool = True  # the engine answered
    engine_started_at: str = ""  # RFC 3339; nothing counts as a crash within 60 s of it

    def to_json(self) -> dict[str, object]:
        return {
            "node": self.node,
            "generation": self.generation,
            "instances": [dict(instance) for instance in self.instances],
            "servers": [asdict(server) for server in self.servers],
            "counts": [asdict(counts) for counts in self.counts],
            "engine": self.engine,
            "engine_started_at": self.engine_started_at,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> Observed:
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            node=str(raw["node"]),
            generation=int(str(raw["generation"])),
            instances=tuple(dict(instance) for instance in _rows(raw, "instances")),
            servers=tuple(ServerSeen(**server) for server in _rows(raw, "servers")),
            counts=tuple(SlotCounts(**counts) for counts in _rows(raw, "counts")),
            engine=bool(raw["engine"]),
            engine_started_at=str(raw["engine_started_at"]),
        )


def _texts(raw: object) -> dict[str, str]:
    return {str(key): str(value) for key, value in raw.items()} if isinstance(raw, dict) else {}


def _rows(raw: Mapping[str, object], name: str) -> list[dict[str, Any]]:
    rows = raw[name]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError(f"{name} is a list of objects")
    return rows
