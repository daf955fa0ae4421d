"""`up`: both groups, in order, each step waited for; and `var/run.json` when the first page answers."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from launch import database, group, ready, runjson, stores, supervise
from launch.commands import images_file, make_images, run_manage
from launch.places import ensure_secret, make_folders, node_token
from launch.programs import CONTROL, NODE, of_group
from launch.steps import Steps, say
from minato.values.config import Config

TOGETHER = (("redis", "registry", "registry-socket", "engine", "telemetryd"), ("router",))
LAST = "agent"  # its readiness, 2 s without an end, is waited for when everything else has been done


def up(config: Config, steps: Steps) -> str:
    """Bring the whole platform up; what already runs is kept. Raises PlatformError with the step's own words.

    Returns a one-time sign-in link when this start made the first operator, else an empty string.
    """
    make_folders(config)
    with only_one(config):
        node_group(config, steps)
        with steps.step("lifecycle and images"):
            make_images(config)
        with steps.step("database"):
            group.end(config, CONTROL)  # what another start left is stale
            database.migrate(config)
        link = control_group(config, steps)
        runjson.write(config)
    return link


ENGINE = ("redis", "registry", "registry-socket", "engine")


def engine_alone(config: Config, steps: Steps) -> None:
    """Bring up engine, registry and images and no more: nobody is there who repairs what a driver's test does."""
    make_folders(config)
    with only_one(config):
        node_group(config, steps, ENGINE)
        with steps.step("lifecycle and images"):
            make_images(config)


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
    if LAST in names:
        supervise.start(config, NODE, LAST)


def control_group(config: Config, steps: Steps) -> str:
    """Start the control group, make the rows that it expects meanwhile, and wait until all runs; return the link."""
    names = [program.name for program in of_group(config, CONTROL)]
    with steps.step(", ".join(names)):
        group.begin(config, CONTROL)
        for name in names:
            supervise.start(config, CONTROL, name)
        link = prepare(config)
        for name in names:
            ready.wait(config, CONTROL, name)
        ready.wait(config, NODE, "agent")
    return link


def prepare(config: Config) -> str:
    """Make every row that a start expects; return the first operator's link, if this start made them."""
    tokens = ("--node-token", str(node_token(config)), "--operator-token", str(runjson.token_file(config)))
    return run_manage(config, "prepare", "--stack", str(images_file(config)), *tokens).strip()


def start_all(config: Config, which: str, names: list[str], steps: Steps) -> None:
    """Start programs at once, then wait for each."""
    if not names:
        return
    with steps.step(", ".join(names)):
        for name in names:
            supervise.start(config, which, name)
        for name in names:
            ready.wait(config, which, name)
