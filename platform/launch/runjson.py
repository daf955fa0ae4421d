"""`var/run.json`: what scripts need to know of a running platform. Written last, removed by a clean stop."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from launch import group, supervise
from launch.programs import CONTROL, NODE
from minato.values.config import Config


def file_of(config: Config) -> Path:
    return config.var / "run.json"


def token_file(config: Config) -> Path:
    return config.keys / "operator-token"


def content(config: Config) -> dict[str, Any]:
    """Return its content; `git_url` and `app_url` are patterns with `{app}`."""
    return {
        "url": config.url,
        "git_url": config.git_url("{app}"),
        "app_url": config.app_url("{app}"),
        "router": f"{config.bind}:{config.ports.router}",
        "token_file": str(token_file(config)),
        "ports": vars(config.ports),
        "pids": pids(config),
    }


def pids(config: Config) -> dict[str, int]:
    """Return the process ids by name, the supervisors among them."""
    found: dict[str, int] = {}
    for which in (NODE, CONTROL):
        leader = group.read(config, which)
        if leader:
            found[f"{which}-supervisor"] = leader.pid
        found |= {name: facts["pid"] for name, facts in supervise.states(config, which).items() if facts["pid"]}
    return found


def write(config: Config) -> None:
    """Write it whole or not at all, for us alone."""
    aside = file_of(config).with_suffix(".part")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content(config), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(file_of(config))


def read(config: Config) -> dict[str, Any]:
    """Return what it says, empty when there is none."""
    try:
        return dict(json.loads(file_of(config).read_text()))
    except (OSError, ValueError):
        return {}


def remove(config: Config) -> None:
    file_of(config).unlink(missing_ok=True)
