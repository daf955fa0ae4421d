"""Config: every setting of one platform, made once per process from its environment.

A namespace (`MINATO_NS`, else 6 hex of the checkout's real path) prefixes every object, port, bridge and folder,
so that several checkouts share a machine.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NS = re.compile(r"^[a-z][a-z0-9]{0,9}$|^[0-9a-f]{6}$")


@dataclass(frozen=True, kw_only=True)
class Ports:
    """TCP ports on the bind or loopback address, all from one block of 16 that the namespace chooses."""

    web: int
    router: int
    registry: int
    telemetry: int
    router_stats: int


@dataclass(frozen=True, kw_only=True)
class Times:
    """Deadlines and periods, all in seconds."""

    lease: float = 30.0
    heartbeat: float = 10.0
    receive_idle: float = 60.0
    receive: float = 1800.0
    queued: float = 1800.0
    build: float = 900.0
    build_silence: float = 300.0
    release: float = 30.0
    release_phase: float = 600.0
    start: float = 60.0
    switch: float = 5.0
    prove: float = 5.0
    drain: float = 30.0
    stop_grace: float = 30.0
    cancel: float = 10.0
    observe: float = 2.0
    stale: float = 10.0
    first_byte: float = 30.0  # of an app's answer, then H12
    settle: float = 5.0  # a process without a slot is started when it has run so long


@dataclass(frozen=True, kw_only=True)
class Config:
    """One platform's settings. Paths are absolute; secrets are files under `var/keys`, never values here."""

    ns: str
    root: Path
    var: Path
    cache: Path
    engine_home: Path
    bind: str
    url: str
    apps_domain: str
    ports: Ports
    database: str
    node: str = "n1"
    slots: int = 1024  # of the router: as many deploys' web processes at once
    tls_cert: str = ""
    tls_key: str = ""
    times: Times = field(default_factory=Times)
    fakes: frozenset[str] = frozenset()

    # -- places -------------------------------------------------------------------------------------------------
    @property
    def run(self) -> Path:
        """Sockets, pid files and supervisor files."""
        return self.var / "run"

    @property
    def keys(self) -> Path:
        return self.var / "keys"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def repos(self) -> Path:
        return self.var / "data" / "repos"

    @property
    def blobs(self) -> Path:
        return self.var / "data" / "blobs"

    @property
    def registry_storage(self) -> Path:
        """Where the two registry processes keep repositories and blobs, for both the same."""
        return self.var / "data" / "registry"

    @property
    def engine_socket(self) -> Path:
        return self.run / "engine" / "docker.sock"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis" / "redis.sock"

    @property
    def registry_socket(self) -> Path:
        """The Unix socket behind `children/regproxy.py`; its folder is what a container mounts."""
        return self.run / "registry" / "registry.sock"

    @property
    def router_socket(self) -> Path:
        """HAProxy's admin socket: only the agent opens it."""
        return self.run / "router" / "admin.sock"

    @property
    def router_state(self) -> Path:
        """What the router serves from when it starts: written by the agent, read by `launch.router`."""
        return self.var / "data" / "router" / "state.json"

    @property
    def hook_socket(self) -> Path:
        return self.run / "doors" / "hook.sock"

    # -- names --------------------------------------------------------------------------------------------------
    @property
    def registry(self) -> str:
        """The registry's name in image references, the same for the lifecycle, dockerd and us."""
        return f"127.0.0.1:{self.ports.registry}"

    @property
    def telemetry_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.telemetry}"

    @property
    def broker_url(self) -> str:
        return f"redis+socket://{self.redis_socket}?virtual_host=0"

    @property
    def streams_url(self) -> str:
        return f"unix://{self.redis_socket}?db=1"

    @property
    def internal_url(self) -> str:
        """Where the agent finds the doors on this machine."""
        return os.environ.get("MINATO_INTERNAL_URL", self.url)

    @property
    def apps_bridge(self) -> str:
        """The engine's default bridge, on which instances sit; at most 15 characters."""
        return f"mnt-{self.ns}"

    @property
    def builds_bridge(self) -> str:
        return f"mnb-{self.ns}"

    @property
    def apps_subnet(self) -> str:
        """A /20 for this namespace's instances, inside 10.192.0.0/10."""
        block = _digest(self.ns) % 512
        return f"10.{192 + block // 16}.{(block % 16) * 16}.0/20"

    @property
    def apps_gateway(self) -> str:
        return self.apps_subnet.removesuffix("0/20") + "1"

    @property
    def builds_subnet(self) -> str:
        """A /20 for this namespace's builds, inside 10.224.0.0/11."""
        block = _digest(self.ns) % 512
        return f"10.{224 + block // 16}.{(block % 16) * 16}.0/20"

    @property
    def builds_gateway(self) -> str:
        return self.builds_subnet.removesuffix("0/20") + "1"

    @property
    def swarm_address(self) -> str:
        """A loopback address of its own: the gossip port cannot be chosen."""
        block = _digest(self.ns) % 60000
        return f"127.{100 + block // 250}.{block % 250}.1" if block // 250 < 150 else f"127.99.{block % 250}.1"

    def app_host(self, app: str) -> str:
        return f"{app}.{self.apps_domain}"

    def app_url(self, app: str) -> str:
        scheme = "https" if self.tls_cert else "http"
        return f"{scheme}://{self.app_host(app)}:{self.ports.router}"

    def git_url(self, app: str) -> str:
        return f"{self.url}/git/{app}.git"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Config:
        """Read `MINATO_*`; the only maker of a Config. Raises ValueError with the setting's name."""
        root = Path(env.get("MINATO_ROOT", str(Path(__file__).resolve().parents[3]))).resolve()
        ns = env.get("MINATO_NS") or hashlib.sha256(str(root).encode()).hexdigest()[:6]
        if not NS.match(ns):
            raise ValueError("MINATO_NS must be 1 to 10 lower-case letters or digits and begin with a letter")
        var = Path(env.get("MINATO_VAR", str(root / "var"))).resolve()
        ports = _ports(env, ns)
        bind = env.get("MINATO_BIND", "127.0.0.1")
        cert, key = env.get("MINATO_TLS_CERT", ""), env.get("MINATO_TLS_KEY", "")
        if bind not in ("127.0.0.1", "::1", "localhost") and not (cert and key):
            raise ValueError(
                f"MINATO_BIND={bind} needs MINATO_TLS_CERT and MINATO_TLS_KEY: tokens never travel in the clear"
            )
        scheme = "https" if cert else "http"
        return cls(
            ns=ns,
            root=root,
            var=var,
            cache=Path(env.get("MINATO_CACHE", "~/.cache/minato")).expanduser().resolve(),
            engine_home=Path(env.get("MINATO_ENGINE_HOME", f"/var/lib/minato/{ns}/engine")),
            bind=bind,
            url=env.get("MINATO_URL", f"{scheme}://{bind}:{ports.web}").rstrip("/"),
            apps_domain=env.get("MINATO_APPS_DOMAIN", "apps.localhost"),
            ports=ports,
            database=env.get("MINATO_DATABASE", f"sqlite:///{var / 'data' / 'minato.sqlite3'}"),
            slots=int(env.get("MINATO_SLOTS", "1024")),
            tls_cert=cert,
            tls_key=key,
            times=_times(env),
            fakes=frozenset(filter(None, env.get("MINATO_FAKES", "").split(","))),
        )


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _ports(env: Mapping[str, str], ns: str) -> Ports:
    """Return a block below the ephemeral range; `MINATO_PORT` moves the whole block."""
    base = int(env.get("MINATO_PORT", 10240 + (_digest(ns) % 1280) * 16))
    return Ports(web=base, router=base + 1, registry=base + 2, telemetry=base + 3, router_stats=base + 4)


def _times(env: Mapping[str, str]) -> Times:
    """Return the deadlines; `MINATO_TIME_<NAME>` (seconds) overrides one, for tests."""
    changed = {
        name: float(env[key]) for name in Times.__dataclass_fields__ if (key := f"MINATO_TIME_{name.upper()}") in env
    }
    return Times(**changed)
