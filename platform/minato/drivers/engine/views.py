"""What Docker says, in our values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from minato.values.engine import Event, Instance, Service, Task

TASK_NAME = "com.docker.swarm.task.name"
ZERO = "0001-01-01"


def service(raw: Mapping[str, Any]) -> Service:
    spec = raw["Spec"]
    return Service(
        name=spec["Name"],
        labels=spec.get("Labels") or {},
        replicas=spec["Mode"].get("Replicated", {}).get("Replicas", 0),
        image=spec["TaskTemplate"]["ContainerSpec"]["Image"],
    )


def task(raw: Mapping[str, Any], service: str) -> Task:
    status = raw["Status"]
    container = status.get("ContainerStatus") or {}
    ended = status["State"] in ("complete", "failed", "shutdown")
    return Task(
        id=raw["ID"],
        service=service,
        slot=raw.get("Slot", 0),
        state=status["State"],
        desired=raw["DesiredState"],
        error=status.get("Err", ""),
        exit_code=container.get("ExitCode") if ended else None,
        container=container.get("ContainerID", ""),
    )


def instance(listed: Mapping[str, Any], seen: Mapping[str, Any], root: str) -> Instance:
    """Join a line of the container list with what inspect tells; `root` is the engine's data root."""
    labels = listed.get("Labels") or {}
    state = seen["State"]
    running = state["Running"]
    return Instance(
        container=listed["Id"],
        name=listed["Names"][0].lstrip("/"),
        labels=labels,
        state=state["Status"],
        address=address(seen),
        exit_code=None if running or state["Status"] == "created" else state["ExitCode"],
        oom=state["OOMKilled"],
        started_at=moment(state["StartedAt"]),
        finished_at=None if running else moment(state["FinishedAt"]),
        log_path=f"{root}/containers/{listed['Id']}/{listed['Id']}-json.log",
        ordinal=ordinal(labels),
    )


def address(seen: Mapping[str, Any]) -> str:
    """Return the address on the default bridge, else on the only other network, else ""."""
    networks = seen["NetworkSettings"]["Networks"]
    found: Mapping[str, Any] = networks.get("bridge") or next(iter(networks.values()), {})
    return str(found.get("IPAddress", ""))


def ordinal(labels: Mapping[str, str]) -> int:
    """Return Swarm's slot, from `<service>.<slot>.<task id>`; 0 for a container of no service."""
    parts = labels.get(TASK_NAME, "").rsplit(".", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else 0


def moment(text: str) -> datetime | None:
    """Read Docker's time: RFC 3339 with up to nine digits; its zero is None."""
    if not text or text.startswith(ZERO):
        return None
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]:0<6}").replace(tzinfo=UTC)


def event(raw: Mapping[str, Any]) -> Event:
    labels = dict(raw["Actor"]["Attributes"])
    code = labels.pop("exitCode", None)
    return Event(
        action=raw["Action"],
        container=raw["Actor"]["ID"],
        labels=labels,
        at=datetime.fromtimestamp(raw["timeNano"] / 1e9, UTC),
        exit_code=None if code is None else int(code),
    )
