"""What a build takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minato.values.engine import Limits


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The images that a build uses, resolved to digests once when it starts. References are registry/repo@sha256."""

    name: str  # e.g. minato/trixie
    builder: str
    run: str  # digest form of run_name
    run_name: str  # the moving tag that run.toml names: registry/run-python:3.13


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """One attempt of one build. Names inside are generated ids only."""

    build: str  # b_…
    app: str  # a_…
    number: int
    fence: int
    source: str  # sha256 of the canonical tar in the blob store
    commit: str  # 40 hex, or "" for an upload
    stack: Stack
    repository: str  # registry/apps/<app id>
    previous: str  # image of the last good build by digest, or ""
    env: Mapping[str, str] = field(default_factory=dict)  # build-time variables of the user
    limits: Limits = field(default_factory=lambda: Limits(memory=2 << 30, cpu=2.0, pids=512))

    @property
    def tag(self) -> str:
        """The image's tag: one per build and attempt, so that garbage collection spares every release."""
        return f"{self.repository}:build-{self.number}-{self.fence}"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One lifecycle phase as it ran; duration in seconds."""

    name: str
    seconds: float
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """What a finished build left in the registry."""

    image: str  # registry/repository@sha256:…
    digest: str  # sha256:…
    processes: Mapping[str, str]  # type -> the line or argv that it starts, for people
    phases: tuple[Phase, ...]
    reused_layers: int
    size: int  # compressed bytes of all layers
    buildpacks: tuple[str, ...] = ()  # id@version
