"""What should run against what runs: the steps between."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from minato.values.engine import Instance, Service, Workload


@dataclass(frozen=True)
class Start:
    """Create a service, or bring its replicas to the workload's."""

    workload: Workload


@dataclass(frozen=True)
class Stop:
    """Remove a service."""

    name: str


Step = Start | Stop


def plan(wanted: Iterable[Workload], running: Iterable[Service]) -> list[Step]:
    """Return the steps from `running` to `wanted`, starts before stops; equal ones need none."""
    wanted, running = list(wanted), list(running)
    have = {service.name: service.replicas for service in running}
    names = {workload.name for workload in wanted}
    starts: list[Step] = [Start(workload) for workload in wanted if have.get(workload.name) != workload.replicas]
    return starts + [Stop(service.name) for service in running if service.name not in names]


Key = tuple[str, int]  # app's public id, deploy number


def key(labels: Mapping[str, str]) -> Key:
    number = labels.get("minato.deploy", "")
    return labels.get("minato.app", ""), int(number) if number.isdigit() else 0


def orphans(services: Iterable[Service], *, alive: Collection[Key]) -> list[str]:
    """Return the services of deploys that are over; `alive` are those that run, drain or are under way."""
    return [service.name for service in services if key(service.labels) not in alive]


def stray_containers(
    containers: Iterable[Instance], *, builds: Mapping[str, int], deploys: Collection[Key]
) -> list[str]:
    """Return the containers that nobody waits for.

    `builds` maps a running build's public id to its fence: containers of another fence or of an ended build are a dead
    worker's. Release phases live as long as their deploy is under way. Instances of services are the engine's.
    """
    return [one.container for one in containers if _stray(one.labels, builds, deploys)]


def _stray(labels: Mapping[str, str], builds: Mapping[str, int], deploys: Collection[Key]) -> bool:
    if "minato.build" in labels:
        return str(builds.get(labels["minato.build"], "")) != labels.get("minato.fence", "")
    return labels.get("minato.process") == "release" and key(labels) not in deploys
