"""Mounts that a maker of images needs, taken down whatever happens."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")


def below(folder: Path, mountinfo: str) -> list[str]:
    """Return the mount points at or below a folder, the deepest first."""
    top = str(folder.resolve())
    points = [line.split()[4].encode().decode("unicode_escape") for line in mountinfo.splitlines()]
    return sorted((p for p in points if p == top or p.startswith(top + "/")), key=len, reverse=True)


def unmount_below(folder: Path) -> None:
    """Unmount everything at or below a folder, lazily: a child of a killed run may still sit in it."""
    for point in below(folder, MOUNTINFO.read_text()):
        subprocess.run(["umount", "--lazy", point], check=True)


@contextlib.contextmanager
def overlay(lower: list[Path], upper: Path, work: Path, target: Path) -> Iterator[Path]:
    """Mount `upper` over the `lower` folders (topmost first) at `target`; what is written lands in `upper`."""
    for folder in (upper, work, target):
        folder.mkdir(parents=True, exist_ok=True)
    options = (
        f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work},index=off,metacopy=off,redirect_dir=off"
    )
    try:
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(target)], check=True)
        yield target
    finally:
        unmount_below(target)


def bind(source: Path, target: Path) -> None:
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


def tmpfs(target: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(target)], check=True)


def proc(target: Path) -> None:
    subprocess.run(["mount", "-t", "proc", "proc", str(target)], check=True)
