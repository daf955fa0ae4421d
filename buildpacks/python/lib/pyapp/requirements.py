"""requirements.txt: what it names, and a key that changes when the installed packages could."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraint)(?:\s+|=)(\S+)")
NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
LOCAL = re.compile(r"^(?:-e|--editable)\b|^\.{0,2}/|^\.$|(?:^|@\s*)file:", re.IGNORECASE)
OTHERS = ("uv.lock", "poetry.lock", "Pipfile.lock", "Pipfile", "pdm.lock", "pyproject.toml", "setup.py")
MISSPELT = ("requirement.txt", "Requirements.txt", "requirements.in", "requirments.txt")


@dataclass(frozen=True)
class Requirements:
    files: tuple[Path, ...]  # requirements.txt and what it includes
    names: frozenset[str]  # normalised project names
    local: bool  # names a folder of the source itself: every change may change the packages


def read(root: Path) -> Requirements:
    """Read requirements.txt and what it includes; all empty when there is none."""
    files: list[Path] = []
    names: set[str] = set()
    local = False
    todo = [root / "requirements.txt"]
    while todo:
        file = todo.pop()
        if file in files or not file.is_file():
            continue
        files.append(file)
        for line in _lines(file):
            include = INCLUDE.match(line)
            if include:
                todo.append(Path(os.path.normpath(file.parent / include[1])))
            elif LOCAL.search(line):
                local = True
            elif match := NAME.match(line):
                names.add(normal(match[1]))
    return Requirements(tuple(files), frozenset(names), local)


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in stripped if line]


def normal(name: str) -> str:
    """Return a project name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def key(root: Path, found: Requirements, *parts: str) -> str:
    """Return the sha256 of everything that decides which packages are installed."""
    files = found.files
    if found.local:
        files = tuple(sorted(path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts))
    whole = hashlib.sha256()
    for part in [*(part.encode() for part in parts), *_contents(root, files)]:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def _contents(root: Path, files: tuple[Path, ...]) -> list[bytes]:
    return [chunk for file in files for chunk in (os.path.relpath(file, root).encode(), file.read_bytes())]


def explain(root: Path) -> tuple[str, ...]:
    """Return why a source without requirements.txt cannot be built, () if it simply needs no packages."""
    for name in MISSPELT:
        if (root / name).is_file():
            return (f"There is {name} but no requirements.txt.", "Rename it, or compile it into requirements.txt.")
    for name in OTHERS:
        if (root / name).is_file():
            make = (
                "uv export --no-dev --no-emit-project -o requirements.txt"
                if name == "uv.lock"
                else "uv pip compile pyproject.toml -o requirements.txt"
            )
            return (
                f"There is {name} but no requirements.txt, the one format this buildpack installs so far.",
                f"Make one, e.g. `{make}`, and commit it.",
            )
    return ()
