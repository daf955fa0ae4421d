"""`up`: both groups, in order, each step waited for; and `var/run.json` when the first page answers."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from minato.values.config import Config

from launch import database, group, ready, runjson, stores, supervise
from launch.commands import make_images, run_manage
from launch.places import ensure_secret, make_folders, node_token
from launch.programs import CONTROL, NODE, of_group
from launch.steps import Steps, say

TOGETHER = (("redis", "registry", "registry-socket", "engine", "telemetryd"), ("router",), ("agent",))


def up(config: Config, steps: Steps) -> None:
    """Bring the whole platform up; what already runs is kept. Raises PlatformError with the step's own words."""
    make_folders(config)
    with only_one(config):
        node_group(config, steps)
        prepare(config, steps)
        control_group(config, steps)
        with steps.step("run.json"):
            runjson.write(config)


@contextmanager
def only_one(config: Config) -> Iterator[None]:
    """Hold the platform's one lock for starting and ending it."""
    with (config.run / "launch.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start or stop of this platform is under way: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def node_group(config: Config, steps: Steps, only: tuple[str, ...] = ()) -> None:
    """Start or adopt the node group; `only` names the programs to start, all by default."""
    with steps.step("folders and settings"):
        make_folders(config)
        stores.write_configs(config)
        ensure_secret(node_token(config))
    found = group.read(config, NODE)
    if found and supervise.states(config, NODE):
        renewed = group.adopt(config, NODE, found)
        news = f", new code for {' and '.join(renewed)}" if renewed else ""
        say(f"node group adopted (supervisor {found.pid}){news}")
    else:
        group.end(config, NODE)
        group.begin(config, NODE)
    names = [program.name for program in of_group(config, NODE) if not only or program.name in only]
    for batch in TOGETHER:
        start_all(config, NODE, [name for name in batch if name in names], steps)


def prepare(config: Config, steps: Steps) -> None:
    """Images, database and rows: everything that the control group expects."""
    with steps.step("lifecycle and images"):
        make_images(config)
    with steps.step("database"):
        database.migrate(config)
    for name, words in rows(config).items():
        with steps.step(name):
            run_manage(config, *words)


def rows(config: Config) -> dict[str, tuple[str, ...]]:
    """Return the management commands of a start, in order, by what they are for."""
    return {
        "telemetry schema": ("migrate_telemetry",),
        "stack": ("register_stack", str(config.run / "images.json")),
        "node": ("register_node", config.node, str(node_token(config))),
        "operator's token": ("operator_token", str(runjson.token_file(config))),
    }


def control_group(config: Config, steps: Steps) -> None:
    """Start the control group anew: what another start left is stale."""
    group.end(config, CONTROL)
    group.begin(config, CONTROL)
    start_all(config, CONTROL, [program.name for program in of_group(config, CONTROL)], steps)


def start_all(config: Config, which: str, names: list[str], steps: Steps) -> None:
    """Start programs at once, then wait for each."""
    if not names:
        return
    with steps.step(", ".join(names)):
        for name in names:
            supervise.start(config, which, name)
        for name in names:
            ready.wait(config, which, name)
