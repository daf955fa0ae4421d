"""Which processes a platform has: two groups, each program a value."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from launch.stores import redis_file, registry_file
from minato.values.config import Config

NODE, CONTROL = "node", "control"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised process. `stop` is its patience in seconds, after which it is killed with its children."""

    name: str
    argv: tuple[str, ...]
    stop: int = 5
    umask: str = "022"
    own_code: bool = False  # restarted by a start of another code version
    log: str = ""  # name of its log when that is not its own name


def node(config: Config) -> list[Program]:
    """Return the node group in the order of its start."""
    registry = ("docker-registry", "serve")
    return [
        Program(name="redis", argv=("redis-server", str(redis_file(config)))),
        Program(name="registry", argv=(*registry, str(registry_file(config, "tcp")))),
        # The trusted phases reach this socket as another user; what it stores lies in a folder of ours alone.
        Program(name="registry-socket", argv=(*registry, str(registry_file(config, "unix"))), umask="000"),
        Program(name="engine", argv=_python("-m", "launch.engine"), stop=60),
        Program(name="telemetryd", argv=_python("-m", "telemetryd"), stop=20, own_code=True),
        Program(name="router", argv=_python("-m", "launch.router"), stop=10, log="router-start"),
        Program(name="agent", argv=_python("-m", "agent"), stop=5, own_code=True),
    ]


def control(config: Config) -> list[Program]:
    """Return the control group; all of it ends within 10 s."""
    celery = _python("-m", "celery", "-A", "controlplane.celery")
    worker = (*celery, "worker", "--loglevel", "info", "--without-gossip", "--without-mingle")
    schedule = str(config.var / "data/celerybeat-schedule")
    return [
        Program(name="web", argv=_python("-m", "doors"), stop=6),
        Program(name="worker", argv=(*worker, "-n", "worker@%h", "-Q", "deploy,default", "-c", "4"), stop=6),
        Program(name="builder", argv=(*worker, "-n", "builder@%h", "-Q", "build", "-c", "2"), stop=6),
        Program(name="beat", argv=(*celery, "beat", "--loglevel", "info", "--pidfile=", "-s", schedule), stop=6),
        Program(name="reconciler", argv=_python("manage.py", "reconcile"), stop=6),
    ]


def of_group(config: Config, group: str) -> list[Program]:
    return node(config) if group == NODE else control(config)


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)
