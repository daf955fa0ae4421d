"""Which Python the source asks for, and whether this stack has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FORM = re.compile(r"^(?:c?python-?|==|~=)?\s*(\d+)\.(\d+)(?:\.(\d+|x|\*))?(?:\.\*)?$", re.IGNORECASE)


class UnavailableError(ValueError):
    """The source asks for a Python that this stack has not."""


@dataclass(frozen=True)
class Asked:
    origin: str  # the file or variable, "" when nothing asks
    text: str


def asked(root: Path, env: Mapping[str, str]) -> Asked:
    """Return what the source asks for: BP_CPYTHON_VERSION, else .python-version, else runtime.txt."""
    if env.get("BP_CPYTHON_VERSION"):
        return Asked("BP_CPYTHON_VERSION", env["BP_CPYTHON_VERSION"].strip())
    for name in (".python-version", "runtime.txt"):
        lines = _lines(root / name)
        if lines:
            return Asked(name, lines[0])
    return Asked("", "")


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    stripped = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in stripped if line]


def answer(wanted: Asked, have: str) -> list[str]:
    """Return notes about the difference between what is asked and `have` (x.y.z); raises UnavailableError."""
    if not wanted.origin:
        return []
    match = FORM.match(wanted.text)
    if match is None:
        raise UnavailableError(f"{wanted.origin} says {wanted.text!r}, which is no Python version such as 3.13.")
    minor, patch = f"{match[1]}.{match[2]}", match[3]
    own, _, own_patch = have.rpartition(".")
    if minor != own:
        raise UnavailableError(f"{wanted.origin} asks for Python {minor}; this stack has Python {own} only.")
    notes = []
    if wanted.origin == "runtime.txt":
        notes.append("runtime.txt is out of date: put the version into .python-version.")
    if patch and patch.isdigit() and patch != own_patch:
        notes.append(f"{wanted.origin} asks for {minor}.{patch}; the stack keeps {own} patched and has {have}.")
    return notes
