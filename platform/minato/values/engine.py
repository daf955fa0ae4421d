"""What the engine driver takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one container may use: bytes, cores, processes."""

    memory: int
    cpu: float
    pids: int = 256


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One process type of one deploy: a Swarm service with the same spec on every replica."""

    name: str
    image: str  # by digest: registry/repository@sha256:…
    command: tuple[str, ...]  # the entrypoint, e.g. ("/cnb/process/web",)
    env: Mapping[str, str]  # already escaped by schedule.deliver
    labels: Mapping[str, str]  # minato.ns, .app, .release, .process, .deploy
    replicas: int
    limits: Limits
    user: str = "1002:1000"
    stop_grace: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service as the engine has it."""

    name: str
    labels: Mapping[str, str]
    replicas: int
    image: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt of the engine to run a replica. `state` is Swarm's word: running, rejected, failed, …"""

    id: str
    service: str
    slot: int
    state: str
    desired: str
    error: str = ""
    exit_code: int | None = None
    container: str = ""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A named volume or a host path in a platform container; never in an app's."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container that we start ourselves: the two of a build, a release phase, the registry proxy."""

    name: str
    image: str
    command: tuple[str, ...]
    labels: Mapping[str, str]
    limits: Limits
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = "1001:1000"
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[str, ...] = ("/tmp",)
    network: str = "none"  # none, bridge (the apps'), a network's name, or container:<name>
    workdir: str = ""
    restart: bool = False  # restart always: platform containers that must outlive the engine


@dataclass(frozen=True, kw_only=True)
class Exec:
    """A command inside a running container, spelled by a stage, run by a driver."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = "1001:1000"
    workdir: str = ""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A container as seen now. `state` is docker's: created, running, exited, dead, …"""

    container: str
    name: str
    labels: Mapping[str, str]
    state: str
    address: str = ""
    exit_code: int | None = None
    oom: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    log_path: str = ""
    ordinal: int = 0  # Swarm's slot: web.<ordinal>


@dataclass(frozen=True, kw_only=True)
class Event:
    """A container event: start, die, oom, destroy …"""

    action: str
    container: str
    labels: Mapping[str, str]
    at: datetime
    exit_code: int | None = None
