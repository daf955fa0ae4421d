"""Images as values, and how they reach the registry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launch.stack.pack import Layer
from launch.stack.recipe import Account, Recipe
from minato.drivers.registry import Registry

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUILDER_LABELS = {"io.buildpacks.lifecycle.platform-api": "0.15"}


def image_config(
    recipe: Recipe, user: Account, layers: Sequence[Layer], *, workdir: str, builds: bool
) -> dict[str, Any]:
    """Return the OCI config of one image: equal layers give an equal image."""
    created = datetime.fromtimestamp(recipe.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    env = [f"PATH={PATH}", "LANG=C.UTF-8"]
    env += [f"CNB_USER_ID={user.id}", f"CNB_GROUP_ID={user.gid}"] if builds else []
    labels = {
        "io.buildpacks.base.id": f"dev.minato.{recipe.suite}",
        "io.buildpacks.base.distro.name": recipe.distribution,
        "io.buildpacks.base.distro.version": recipe.version,
        "io.buildpacks.base.maintainer": "Minato",
        "io.buildpacks.rebasable": "true",
    }
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {"User": user.numeric, "Env": env, "WorkingDir": workdir, "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": created, "created_by": "minato"} for _ in layers],
    }


def push(registry: Registry, reference: str, layers: Sequence[Layer], config: dict[str, Any]) -> str:
    """Write the image unless its moving tag already has exactly these layers and config; return repository@digest."""
    repository = reference.rpartition(":")[0]
    if not _there(registry, reference, layers, config):
        registry.push(reference, layers=[Path(layer.file) for layer in layers], config=config)
    return f"{repository}@{registry.digest(reference)}"


def _there(registry: Registry, reference: str, layers: Sequence[Layer], config: dict[str, Any]) -> bool:
    if not registry.digest(reference):
        return False
    held = [layer["digest"] for layer in registry.manifest(reference)["layers"]]
    return held == [layer.digest for layer in layers] and registry.config(reference) == config
