"""What is built once, kept by its inputs under MINATO_CACHE and shared by all checkouts."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from launch.mounts import unmount_below


def key_of(parts: Iterable[bytes | Path]) -> str:
    """Return 16 hex of the inputs: byte strings, files, and folders with every name, mode and content in them."""
    whole = hashlib.sha256()
    for part in parts:
        for chunk in _chunks(part):
            whole.update(len(chunk).to_bytes(8, "big") + chunk)
    return whole.hexdigest()[:16]


def _chunks(part: bytes | Path) -> Iterator[bytes]:
    if isinstance(part, bytes):
        yield part
        return
    files = (
        [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    )
    for file in files:
        yield str(file.relative_to(part.parent)).encode()
        yield b"x" if os.access(file, os.X_OK) else b"-"
        yield file.read_bytes()


def kept(root: Path, name: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `<root>/<name>-<key>`, made by `make(folder)` if it is not there.

    Written aside, synced and renamed: a folder of that name is whole. One process makes it, others wait;
    what a killed one left is unmounted and removed first.
    """
    final = root / f"{name}-{key}"
    if final.is_dir():
        return final
    root.mkdir(parents=True, exist_ok=True)
    with _only_one(root / f"{name}.lock"):
        for left in root.glob(f"{name}-*.part"):
            _discard(left)
        if not final.is_dir():
            _make(final, make)
    return final


def _make(final: Path, make: Callable[[Path], None]) -> None:
    part = final.with_name(f"{final.name}.{secrets.token_hex(4)}.part")  # never the path of a killed one
    part.mkdir(mode=0o755)
    try:
        make(part)
        _sync(part)
        part.rename(final)
    finally:
        if part.exists():
            _discard(part)


def _discard(folder: Path) -> None:
    unmount_below(folder)
    shutil.rmtree(folder)


def _sync(folder: Path) -> None:
    for file in (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
