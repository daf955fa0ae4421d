"""Say what was found, install it, and find the web process."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import cnb

from pyapp import install, requirements, servers, version

FORMAT = "1"  # part of the layer's key: what this buildpack puts into a layer


def main() -> None:
    root = cnb.app_dir()
    have = platform.python_version()
    wanted = version.asked(root, os.environ)
    origin = "requirements.txt" if (root / "requirements.txt").is_file() else wanted.origin or "no requirements.txt"
    cnb.head(f"Python {have.rpartition('.')[0]} app detected ({origin})")
    _check_version(wanted, have)
    found = requirements.read(root)
    if not found.files and (why := requirements.explain(root)):
        cnb.fail(*why)
    server = _server(root)
    extra = server.needs if server and server.needs not in found.names else ""
    if extra:
        cnb.body(f"{extra} is added, because requirements.txt does not list it")
    _install(root, found, extra, have)
    if server:
        cnb.write_processes([{"type": "web", "command": list(server.command), "default": True}])


def _check_version(wanted: version.Asked, have: str) -> None:
    try:
        notes = version.answer(wanted, have)
    except version.UnavailableError as error:
        cnb.fail(str(error), f"Change {wanted.origin} to {have.rpartition('.')[0]}, or remove it.")
    cnb.body(f"Using Python {have}" + (f", as {wanted.origin} asks" if wanted.origin else ", the stack's own"))
    for note in notes:
        cnb.warn(note)


def _server(root: Path) -> servers.Server | None:
    if (root / "Procfile").is_file():
        return None
    server = servers.find(root)
    if server is None:
        cnb.warn(
            "No Procfile, and no web app in app.py, main.py, wsgi.py, server.py or manage.py: nothing would start."
        )
        return None
    cnb.head("Discovering process types")
    cnb.body("There is no Procfile; found:")
    cnb.body(f"web: {' '.join(server.command)} ({server.rule})")
    return server


def _install(root: Path, found: requirements.Requirements, extra: str, have: str) -> None:
    names = " and ".join(os.path.relpath(file, root) for file in found.files)
    cnb.head(f"Installing {names} with uv" if names else "Installing no packages: there is no requirements.txt")
    install.venv(requirements.key(root, found, FORMAT, have, platform.machine(), extra), found, extra)
