"""The app's own layers on top of the image: for a changed line a node then unpacks one layer instead of four.

The exporter puts the launcher, its config and the process types above the app, and an engine knows a layer by all that
lies below it. No two of these layers hold the same path, so their order means nothing to the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from minato.drivers.registry import Registry

LIFECYCLE_LABEL = "io.buildpacks.lifecycle.metadata"


def app_last(repository: str, digest: str, tag: str, registry: Registry) -> str:
    """Write an exported image anew under its tag with the app's layers last, and return its digest.

    The exporter's own manifest goes: without a tag nobody would. An image in which they are last is left as it is.
    """
    image = f"{repository}@{digest}"
    config, layers = registry.config(image), registry.manifest(image)["layers"]
    order = positions(config)
    if order == sorted(order):
        return digest
    made = registry.push(tag, layers=[layers[n]["digest"] for n in order], config=rearranged(config, order))
    registry.drop(image)
    return made


def positions(config: Mapping[str, Any]) -> list[int]:
    """Return the layers' places in their new order, by the lifecycle's own word on which are the app's."""
    told = json.loads((config["config"].get("Labels") or {}).get(LIFECYCLE_LABEL, "{}"))
    app = {layer["sha"] for layer in told.get("app") or []}
    ids = config.get("rootfs", {}).get("diff_ids", [])
    return sorted(range(len(ids)), key=lambda n: ids[n] in app)


def rearranged(config: Mapping[str, Any], order: list[int]) -> dict[str, Any]:
    """Return an image's config with its layers, and what is told of each, in another order."""
    ids, history = config["rootfs"]["diff_ids"], config.get("history") or []
    told = {"history": [history[n] for n in order]} if len(history) == len(order) else {}
    return {**config, **told, "rootfs": {**config["rootfs"], "diff_ids": [ids[n] for n in order]}}
