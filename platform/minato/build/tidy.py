"""What a build leaves and when it goes: containers and volumes at its end, cache and repository with the app."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from minato.build.places import cache_of, fence_of
from minato.drivers.engine import Engine
from minato.drivers.registry import Registry
from minato.values.config import Config


def cleanup(*, build: str, engine: Engine, config: Config, fence: int | None = None) -> int:
    """Remove the containers and volumes of every attempt of a build; return how many containers there were.

    With `fence` only of attempts up to that one: a thawed builder must not touch its successor's. When it returns,
    nothing of those attempts runs: a cancel is true only after this.
    """
    labels = {"minato.ns": config.ns, "minato.build": build}
    containers = [
        one.container for one in engine.instances(labels) if _up_to(one.labels.get("minato.fence", "0"), fence)
    ]
    volumes = [name for name in engine.volumes(labels) if _up_to(fence_of(name), fence)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(engine.remove_container, containers))
        list(pool.map(engine.remove_volume, volumes))
    return len(containers)


def _up_to(attempt: str, fence: int | None) -> bool:
    return fence is None or int(attempt) <= fence


def forget(*, app: str, repository: str, engine: Engine, registry: Registry, config: Config) -> None:
    """Remove an app's build containers, its cache and every image of its repository; for a deleted app."""
    labels = {"minato.ns": config.ns, "minato.app": app}
    for one in engine.instances(labels):
        if one.labels.get("minato.build"):
            engine.remove_container(one.container)
    for volume in {*engine.volumes(labels), cache_of(config.ns, app)}:
        engine.remove_volume(volume)
    registry.delete(repository)
