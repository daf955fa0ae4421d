"""The two containers of a build. Both only sleep; each phase is an exec."""

from __future__ import annotations

from dataclasses import replace

from minato.build.places import APP, BUNDLE, CACHE, LAYERS, PLATFORM, Names, network_of, proxy_of
from minato.values.build import BuildPlan
from minato.values.config import Config
from minato.values.engine import Container, Limits, Mount

SLEEP = ("sleep", "infinity")
TRUSTED = Limits(memory=1 << 30, cpu=2.0, pids=128)


def trusted(plan: BuildPlan, config: Config) -> Container:
    """analyze, restore, export: our programs alone, and a network that holds the registry and nothing else."""
    names = Names(config.ns, plan)
    return Container(
        name=names.trusted,
        image=plan.stack.builder,
        command=SLEEP,
        labels={**names.labels, "minato.role": "trusted"},
        limits=replace(TRUSTED, cpu=plan.limits.cpu),
        mounts=(
            Mount(source=names.layers, target=LAYERS),
            Mount(source=names.workspace, target=APP),
            Mount(source=names.platform, target=PLATFORM),
            Mount(source=names.cache, target=CACHE),
        ),
        network=f"container:{proxy_of(config.ns)}",
    )


def untrusted(plan: BuildPlan, config: Config) -> Container:
    """detect and build: any code of the source. It has the outside, and neither registry, credentials nor socket."""
    names = Names(config.ns, plan)
    return Container(
        name=names.untrusted,
        image=plan.stack.builder,
        command=SLEEP,
        labels={**names.labels, "minato.role": "untrusted"},
        limits=plan.limits,
        mounts=(
            Mount(source=names.layers, target=LAYERS),
            Mount(source=names.workspace, target=APP),
            Mount(source=names.platform, target=PLATFORM, read_only=True),
            Mount(source=BUNDLE, target=BUNDLE, read_only=True),
        ),
        tmpfs=("/tmp:exec", "/home/cnb:exec"),
        network=network_of(config.ns),
    )
