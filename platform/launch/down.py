"""`stop` ends both groups and keeps the data; `clean` then removes everything of this namespace."""

from __future__ import annotations

import shutil

from launch import engine, group, network, runjson
from launch.places import make_folders
from launch.programs import CONTROL, NODE
from launch.steps import Steps, say
from launch.up import only_one
from minato.drivers.engine import setup
from minato.values.config import Config


def stop(config: Config, steps: Steps) -> None:
    """End everything; the engine stops its containers, and takes its bridges and rules along."""
    if not config.run.exists():
        say(f"nothing of namespace {config.ns} runs here")
        return
    make_folders(config)
    with only_one(config):
        runjson.remove(config)
        with steps.step("control group"):
            group.end(config, CONTROL)
        with steps.step("node group"):
            group.end(config, NODE)
        take_down_network(config)


def take_down_network(config: Config) -> None:
    """Remove the namespace's bridges and packet filter rules."""
    names = (*(bridge.name for bridge in network.bridges(config)), setup.gateway_bridge(config.ns))
    for name in names:
        network.remove_bridge(name)
    network.remove_rules(config.ns, names)


def clean(config: Config, steps: Steps) -> None:
    """Stop, then remove engine, data, keys and logs of this namespace."""
    stop(config, steps)
    with steps.step("engine's data"):
        engine.remove(config)
        shutil.rmtree(config.engine_home, ignore_errors=True)
        _remove_if_empty(config)
    with steps.step("var"):
        for child in config.var.iterdir() if config.var.exists() else ():
            shutil.rmtree(child) if child.is_dir() else child.unlink()


def _remove_if_empty(config: Config) -> None:
    parent = config.engine_home.parent
    if parent.exists() and parent.name == config.ns and not any(parent.iterdir()):
        parent.rmdir()
