"""Buildpacks run as the lifecycle runs them: programs, with the source as the working folder."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2] / "buildpacks"
UV = """#!{python}
import pathlib, sys
args = sys.argv[1:]
log = pathlib.Path(__file__).with_name("uv.log")
log.open("a").write(" ".join(args) + "\\n")
if args[0] == "venv":
    (pathlib.Path(args[-1]) / "bin").mkdir(parents=True)
if args[0] == "pip":
    layer = pathlib.Path(args[args.index("--python") + 1]).parents[1]
    site = layer / "lib/python3.13/site-packages/Flask-3.1.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\\nName: Flask\\nVersion: 3.1\\n\\nText: no field\\n")
    print("Resolved 1 package in 1ms")
    failing = pathlib.Path(__file__).with_name("uv.fails")
    if failing.exists():
        print(failing.read_text())
        sys.exit(1)
"""


@dataclass
class Source:
    """A source tree and the layers beside it."""

    root: Path

    @property
    def app(self) -> Path:
        return self.root / "app"

    @property
    def layers(self) -> Path:
        return self.root / "layers"

    @property
    def tools(self) -> Path:
        return self.root / "tools"

    def put(self, name: str, text: str) -> Source:
        file = self.app / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return self

    def run(self, buildpack: str, program: str, **env: str) -> subprocess.CompletedProcess[str]:
        known = {"CNB_LAYERS_DIR": str(self.layers), "CNB_PLATFORM_DIR": str(self.root / "platform")}
        path = f"{self.tools}:{os.environ['PATH']}"
        argv = [sys.executable, "-S", str(HOUSE / buildpack / "bin" / program)]
        return subprocess.run(argv, cwd=self.app, env={"PATH": path, **known, **env}, capture_output=True, text=True)

    def uv(self) -> list[str]:
        """Return the command lines that uv was started with."""
        log = self.tools / "uv.log"
        return log.read_text().splitlines() if log.exists() else []

    def uv_fails(self, words: str) -> None:
        (self.tools / "uv.fails").write_text(words)


@pytest.fixture
def source(tmp_path) -> Source:
    made = Source(tmp_path)
    for folder in (made.app, made.layers, made.tools):
        folder.mkdir()
    uv = made.tools / "uv"
    uv.write_text(UV.format(python=sys.executable))
    uv.chmod(0o755)
    return made
