"""Programs that a start runs and waits for: management commands, and the maker of images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from launch.places import environment
from minato.errors import PlatformError
from minato.values.config import Config


def run_manage(config: Config, *words: str) -> str:
    """Run a management command; return what it printed. Raises PlatformError `launch:platform:manage`."""
    argv = [sys.executable, str(config.root / "manage.py"), *words]
    done = subprocess.run(argv, cwd=config.root, env=environment(config), capture_output=True, text=True)
    if done.returncode:
        raise PlatformError(
            code="launch:platform:manage",
            message=f"manage.py {words[0]} failed.",
            evidence="\n".join((done.stdout + done.stderr).splitlines()[-15:]),
        )
    return done.stdout


def images_file(config: Config) -> Path:
    """Return where the stack's digests lie, as `register_stack` reads them."""
    return config.run / "images.json"


def make_images(config: Config) -> None:
    """Build or find the lifecycle and the images, its progress shown. Raises PlatformError `launch:platform:images`."""
    argv = [sys.executable, "-m", "launch.images"]
    done = subprocess.run(argv, cwd=config.root, env=environment(config), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise PlatformError(
            code="launch:platform:images",
            message="The images of the stack were not made.",
            hint="What was finished is kept: run this again when the cause above is gone.",
        )
    images_file(config).write_text(done.stdout)
