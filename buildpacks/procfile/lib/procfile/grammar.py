"""Heroku's Procfile format (heroku/buildpacks-procfile, SPEC.md).

Each line is empty, a comment, or `key: value`. A key is 1 to 63 of a-z, 0-9 and `-`, and neither begins nor
ends with `-`. What the format leaves open: upper case and `_` become lower case and `-` with a warning; of equal keys
the last wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SPACES = " \t"
KEY = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")


class BadLineError(ValueError):
    """A line that is neither empty, a comment nor a pair; says its number and why."""


@dataclass(frozen=True)
class Procfile:
    processes: dict[str, str]  # type -> line, in the order of the file
    warnings: tuple[str, ...]


def parse(text: str) -> Procfile:
    """Raises BadLineError."""
    processes: dict[str, str] = {}
    warnings: list[str] = []
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), start=1):
        line = raw.strip(SPACES)
        if not line or line.startswith("#"):
            continue
        key, value = _pair(line, number, warnings)
        if processes.pop(key, None) is not None:
            warnings.append(f"Line {number}: {key} is declared more than once; the last one counts.")
        processes[key] = value
    return Procfile(processes, tuple(warnings))


def _pair(line: str, number: int, warnings: list[str]) -> tuple[str, str]:
    written, colon, value = line.partition(":")
    if not colon:
        raise BadLineError(f"Line {number} of the Procfile has no colon: write `type: command`.")
    key = written.lower().replace("_", "-")
    if not KEY.fullmatch(key):
        raise BadLineError(
            f"Line {number} of the Procfile: {written!r} is no process type (a-z, 0-9 and - inside, 1 to 63)."
        )
    if key != written:
        warnings.append(f"Line {number}: {written} is read as {key}.")
    if not value.strip():
        raise BadLineError(f"Line {number} of the Procfile: {key} has no command.")
    return key, value.strip(SPACES)
