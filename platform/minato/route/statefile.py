"""The router's state on disk: what it serves from when it starts alone, without control plane and without engine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minato.route.plan import Server
from minato.values.router import RouterState

EMPTY = RouterState(generation=0, hosts={})


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One generation, and the instances of each slot as they were last seen."""

    state: RouterState = EMPTY
    servers: Mapping[int, tuple[Server, ...]] = field(default_factory=dict)


def write(file: Path, kept: Kept) -> None:
    """Replace the file as a whole: aside, synced, renamed, the folder synced. A crash leaves the old or the new one."""
    servers = {str(number): [vars(server) for server in some] for number, some in kept.servers.items()}
    text = json.dumps({"state": kept.state.to_json(), "servers": servers})
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = file.with_suffix(".new")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    aside.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def read(file: Path) -> Kept:
    """Return what was kept; empty when there is no file. Raises ValueError, KeyError or TypeError on a strange one."""
    try:
        raw = json.loads(file.read_text())
    except FileNotFoundError:
        return Kept()
    servers = {int(number): tuple(Server(**server) for server in some) for number, some in raw["servers"].items()}
    return Kept(state=RouterState.from_json(raw["state"]), servers=servers)
