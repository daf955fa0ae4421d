"""What the registry says of a finished build."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from minato.build.order import LIFECYCLE_LABEL
from minato.drivers.registry import Registry
from minato.errors import PlatformError, UserError
from minato.values.build import BuildPlan, BuildResult, Phase
from minato.values.process import MOST_TYPES, TYPE

REUSED = re.compile(r"^Reusing layer '")
BUILD_LABEL = "io.buildpacks.build.metadata"


def collect(
    plan: BuildPlan, registry: Registry, digest: str, exported: Sequence[str], phases: Sequence[Phase]
) -> BuildResult:
    """Read the image back by its digest. Raises UserError when there is nothing to start."""
    image = f"{plan.repository}@{digest}"
    labels = registry.config(image)["config"].get("Labels") or {}
    if json.loads(labels[LIFECYCLE_LABEL])["runImage"]["reference"] != plan.stack.run:
        raise _odd("The image stands on another run image than the build was given.")
    told = json.loads(labels[BUILD_LABEL])
    processes = lines_of(told.get("processes") or [])
    if not processes:
        raise UserError(
            code="build:user:no-process",
            message="The build made an image, but nothing in it can be started.",
            hint="Add a Procfile, for example `web: gunicorn app:app`.",
        )
    return BuildResult(
        image=image,
        digest=digest,
        processes=processes,
        phases=tuple(phases),
        reused_layers=sum(bool(REUSED.match(line)) for line in exported),
        size=sum(layer["size"] for layer in registry.manifest(image)["layers"]),
        buildpacks=tuple(f"{one['id']}@{one['version']}" for one in told.get("buildpacks") or []),
    )


def lines_of(processes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return each process type with the line that people wrote, or its argv as one would type it.

    Code of the source's can write what the image says of itself: a type goes into names, labels and commands, so an odd
    one raises UserError.
    """
    lines = {str(process["type"]): _line(process) for process in processes}
    if odd := [name for name in lines if not TYPE.fullmatch(name)]:
        raise _process_type(f"{odd[0][:80]!r} is no process type.", "A type is 1 to 63 of a-z, 0-9 and -.")
    if len(lines) > MOST_TYPES:
        raise _process_type(f"The build declares {len(lines)} process types.", f"An app has {MOST_TYPES} at most.")
    return lines


def _line(process: Mapping[str, Any]) -> str:
    command = process.get("command") or []
    argv = [*([command] if isinstance(command, str) else command), *(process.get("args") or [])]
    return str(argv[2]) if argv[:2] == ["bash", "-c"] and len(argv) == 3 else shlex.join(map(str, argv))


def _process_type(message: str, hint: str) -> UserError:
    return UserError(code="build:user:process-type", message=message, hint=hint)


def _odd(message: str) -> PlatformError:
    return PlatformError(code="build:platform:export", message=message)
