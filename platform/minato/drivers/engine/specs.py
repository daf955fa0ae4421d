"""Workloads and containers in Docker's words: every limit and lock is spelled here, and nothing else is ever passed."""

from __future__ import annotations

from typing import Any

from minato.values.engine import Container, Limits, Mount, Workload

SECOND = 1_000_000_000
RESTART_DELAY = SECOND // 10
SCRATCH = 64 << 20  # bytes of an instance's /tmp
TMPFS = ("rw", "nosuid", "nodev")


def service(workload: Workload, ns: str) -> dict[str, Any]:
    """Return the keyword arguments of docker-py's `create_service`. No network, no published port, no health check."""
    return {
        "name": workload.name,
        "labels": labels(workload, ns),
        "task_template": task(workload, ns),
        "mode": replicated(workload.replicas),
        "endpoint_spec": {"Mode": "dnsrr"},
    }


def labels(thing: Workload | Container, ns: str) -> dict[str, str]:
    return {"minato.ns": ns, **thing.labels}


def replicated(replicas: int) -> dict[str, Any]:
    return {"Replicated": {"Replicas": replicas}}


def task(workload: Workload, ns: str) -> dict[str, Any]:
    return {
        "ContainerSpec": {
            "Image": workload.image,
            "Command": list(workload.command),
            "Env": pairs(workload.env),
            "Labels": labels(workload, ns),
            "User": workload.user,
            "Init": True,
            "ReadOnly": True,
            "CapabilityDrop": ["ALL"],
            "StopGracePeriod": int(workload.stop_grace * SECOND),
            "Mounts": [{"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"SizeBytes": SCRATCH, "Mode": 0o1777}}],
        },
        "Resources": {
            "Limits": {
                "MemoryBytes": workload.limits.memory,
                "NanoCPUs": int(workload.limits.cpu * SECOND),
                "Pids": workload.limits.pids,
            }
        },
        "RestartPolicy": {"Condition": "any", "Delay": RESTART_DELAY},
    }


def container(wish: Container, ns: str) -> dict[str, Any]:
    """Return the body of `POST /containers/create`."""
    return {
        "Image": wish.image,
        "Entrypoint": list(wish.command),
        "Cmd": [],
        "Env": pairs(wish.env),
        "Labels": labels(wish, ns),
        "User": wish.user,
        "WorkingDir": wish.workdir,
        "HostConfig": {
            **limited(wish.limits),
            "NetworkMode": wish.network,
            "Mounts": [mount(item) for item in wish.mounts],
            "Tmpfs": dict(tmpfs(entry, wish.limits) for entry in wish.tmpfs),
            "RestartPolicy": {"Name": "always" if wish.restart else "no"},
        },
    }


def limited(limits: Limits) -> dict[str, Any]:
    """Return the locks that every container of ours has."""
    return {
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "Init": True,
        "Memory": limits.memory,
        "MemorySwap": limits.memory,
        "NanoCpus": int(limits.cpu * SECOND),
        "PidsLimit": limits.pids,
    }


def mount(item: Mount) -> dict[str, Any]:
    kind = "bind" if item.source.startswith("/") else "volume"
    return {"Type": kind, "Source": item.source, "Target": item.target, "ReadOnly": item.read_only}


def tmpfs(entry: str, limits: Limits) -> tuple[str, str]:
    """Return a path and its options: half of the memory limit, not executable; `/path:exec,size=…` says otherwise."""
    path, _, said = entry.partition(":")
    options = [*TMPFS, "mode=1777", f"size={limits.memory // 2}", *filter(None, said.split(","))]
    return path, ",".join(options)


def pairs(env: object) -> list[str]:
    """Return `NAME=value` in order of names."""
    return [f"{name}={value}" for name, value in sorted(dict(env).items())]  # type: ignore[call-overload]
