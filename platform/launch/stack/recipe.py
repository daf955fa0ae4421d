"""A recipe: which layers lie over which, and which images they make."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of the images; `id` and `gid` are what the engine starts processes with."""

    name: str
    id: int
    gid: int
    home: str

    @property
    def numeric(self) -> str:
        return f"{self.id}:{self.gid}"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Packages installed over another layer; the base lies over none."""

    name: str
    packages: tuple[str, ...]
    over: str = ""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A chain of layers with a user and a moving tag."""

    name: str
    layer: str
    user: str
    tag: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One stack. `epoch` is a Unix time: the date of every file that no package brought."""

    name: str
    suite: str
    distribution: str
    version: str
    epoch: int
    group: str
    accounts: dict[str, Account]
    layers: dict[str, Layer]
    images: dict[str, Image]

    def chain(self, layer: str) -> list[str]:
        """Return the layers below and including one, the base first."""
        over = self.layers[layer].over
        return [*(self.chain(over) if over else []), layer]


def load(path: Path) -> Recipe:
    """Read a recipe; raises KeyError or TypeError for one that is not whole."""
    told = tomllib.loads(path.read_text())
    group = told["users"].pop("group")
    accounts = {key: Account(gid=group["id"], **user) for key, user in told["users"].items()}
    layers = {
        name: Layer(name=name, packages=tuple(layer["packages"]), over=layer.get("over", ""))
        for name, layer in told["layers"].items()
    }
    images = {name: Image(name=name, **image) for name, image in told["images"].items()}
    plain = {key: told[key] for key in ("name", "suite", "distribution", "version", "epoch")}
    return Recipe(group=group["name"], accounts=accounts, layers=layers, images=images, **plain)
