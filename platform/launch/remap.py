"""The ids that the engine's containers are remapped to."""

from __future__ import annotations

import pwd
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

USER = "dockremap"
FILES = (Path("/etc/subuid"), Path("/etc/subgid"))
FIRST = 100_000
COUNT = 65_536


def ensure_ranges(files: Sequence[Path] = FILES, exists: Callable[[str], bool] | None = None) -> None:
    """Give the engine's user its ranges. dockerd makes user and ranges together, and starts with neither or both:
    a user without ranges, as a mended /etc leaves it, would stop it.
    """
    if not (exists or _exists)(USER):
        return
    for file in files:
        text = file.read_text() if file.exists() else ""
        if not any(line.startswith(f"{USER}:") for line in text.splitlines()):
            file.write_text("".join(f"{line}\n" for line in [*text.splitlines(), f"{USER}:{_free(text)}:{COUNT}"]))


def _free(text: str) -> int:
    """Return the first id behind every range that is given away."""
    ends = [FIRST]
    for line in text.splitlines():
        with suppress(ValueError):
            _user, start, count = line.split(":")
            ends.append(int(start) + int(count))
    return max(ends)


def _exists(user: str) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(user))
    return False
