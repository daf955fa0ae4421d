"""Blobs named by the sha256 of their content."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol


class Blobs(Protocol):
    """A blob is whole or absent: written aside, synced, renamed."""

    def put(self, file: Path) -> str:
        """Move a finished file in and return its sha256."""

    def open(self, sha256: str) -> BinaryIO:
        """Raises PlatformError `blobs:platform:missing`."""

    def size(self, sha256: str) -> int: ...
    def exists(self, sha256: str) -> bool: ...
    def remove(self, sha256: str) -> None: ...
    def names(self) -> list[str]:
        """Return the sha256 of every blob there is."""

    def expire(self, sha256: str, *, older_than: float) -> bool:
        """Remove a blob if it was last put `older_than` seconds ago; false: it is there still.

        Whoever puts content that is there already names it a moment later: until then nobody else's row speaks for it.
        """

    def clear_scratch(self, *, older_than: float) -> int:
        """Remove scratch files that nobody has written to for so many seconds; return how many."""

    def scratch(self) -> Path:
        """Return a new empty file on the same file system, for `put`."""
