"""Blobs as files: `<root>/<2 hex>/<64 hex>`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from minato.errors import PlatformError

SHA256 = re.compile(r"^[0-9a-f]{64}$")


class FileBlobs:
    """Blobs of `minato.drivers.blobs` under one folder of one file system."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, file: Path) -> str:
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            os.fsync(content.fileno())
        place = self._place(sha256)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.chmod(0o400)
        os.utime(file)  # `expire` counts from here, however long the upload took
        file.replace(place)
        _sync(place.parent)
        return sha256

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self._place(sha256).open("rb")
        except FileNotFoundError as error:
            raise _missing(sha256) from error

    def size(self, sha256: str) -> int:
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError as error:
            raise _missing(sha256) from error

    def exists(self, sha256: str) -> bool:
        return self._place(sha256).is_file()

    def remove(self, sha256: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._place(sha256).unlink()

    def names(self) -> list[str]:
        return sorted(place.name for place in self.root.glob("??/*") if SHA256.fullmatch(place.name))

    def expire(self, sha256: str, *, older_than: float) -> bool:
        place = self._place(sha256)
        if not _is_older(place, older_than):
            return not place.exists()
        aside = self.scratch()
        try:
            place.replace(aside)
            if _is_older(aside, older_than):
                return True
            with contextlib.suppress(FileExistsError):  # put anew between the look and the move
                os.link(aside, place)
            return False
        except FileNotFoundError:
            return True  # another process did
        finally:
            aside.unlink(missing_ok=True)

    def clear_scratch(self, *, older_than: float) -> int:
        old = [file for file in self._scratch.glob("*") if _is_older(file, older_than)]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    @property
    def _scratch(self) -> Path:
        return self.root / "scratch"

    def scratch(self) -> Path:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._scratch)
        os.close(handle)
        return Path(name)

    def _place(self, sha256: str) -> Path:
        if not SHA256.fullmatch(sha256):
            raise _missing(sha256)
        return self.root / sha256[:2] / sha256


def _is_older(file: Path, seconds: float) -> bool:
    """Say whether a file was last written so long ago; one that has gone is not."""
    try:
        return file.stat().st_mtime <= time.time() - seconds
    except FileNotFoundError:
        return False


def _missing(sha256: str) -> PlatformError:
    return PlatformError(code="blobs:platform:missing", message=f"There is no blob {sha256!r}.")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
