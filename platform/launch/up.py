"""`up`: both groups, in order, each step waited for; and `var/run.json` when the first page answers."""

from __future__ import annotations

from minato.values.config import Config

from launch import group, ready, stores, supervise
from launch.places import make_folders
from launch.programs import NODE, of_group
from launch.steps import Steps, say

TOGETHER = (("redis", "registry", "registry-socket", "engine", "telemetryd"), ("router",), ("agent",))


def node_group(config: Config, steps: Steps, only: tuple[str, ...] = ()) -> None:
    """Start or adopt the node group; `only` names the programs to start, all by default."""
    with steps.step("folders and settings"):
        make_folders(config)
        stores.write_configs(config)
    found = group.read(config, NODE)
    if found and supervise.states(config, NODE):
        renewed = group.adopt(config, NODE, found)
        say(
            f"node group adopted (supervisor {found.pid})"
            + (f", new code for {' and '.join(renewed)}" if renewed else "")
        )
    else:
        group.begin(config, NODE)
    names = [program.name for program in of_group(config, NODE) if not only or program.name in only]
    for batch in TOGETHER:
        start_all(config, NODE, [name for name in batch if name in names], steps)


def start_all(config: Config, which: str, names: list[str], steps: Steps) -> None:
    """Start programs at once, then wait for each."""
    if not names:
        return
    with steps.step(", ".join(names)):
        for name in names:
            supervise.start(config, which, name)
        for name in names:
            ready.wait(config, which, name)
