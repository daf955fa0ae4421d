"""Pass for everything that looks like Python, so that build can explain what is missing."""

from __future__ import annotations

from pathlib import Path

import cnb

FILES = (
    "requirements.txt",
    "pyproject.toml",
    "app.py",
    "main.py",
    "manage.py",
    "server.py",
    "wsgi.py",
    "asgi.py",
    ".python-version",
    "runtime.txt",
    "uv.lock",
    "poetry.lock",
    "Pipfile",
    "Pipfile.lock",
    "pdm.lock",
    "setup.py",
    "setup.cfg",
    "requirement.txt",
    "requirements.in",
    "Requirements.txt",
)


def main() -> None:
    root = cnb.app_dir()
    if any((root / name).is_file() for name in FILES):
        return
    cnb.undetected(f"minato/python looked for: {', '.join(FILES[:10])}", *deeper(root))


def deeper(root: Path) -> list[str]:
    """Return a hint when the app lies in a folder of the repository."""
    found = sorted(path.relative_to(root) for name in FILES[:5] for path in root.glob(f"*/{name}"))
    return [f"minato/python found {found[0]}: the app must lie at the root of the repository"] if found else []
