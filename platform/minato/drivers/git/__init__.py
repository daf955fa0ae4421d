"""git itself: repositories, receive-pack and upload-pack processes, trees, archives, refs."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from minato.values.source import RefChange


class Git(Protocol):
    """All paths are generated ids. Raises PlatformError `git:platform:*`."""

    def create(self, repository: Path) -> None:
        """Make a bare repository; no error if it is there."""

    def remove(self, repository: Path) -> None: ...

    def ref(self, repository: Path, name: str) -> str:
        """Return what a ref points to (40 hex), or 40 zeros."""

    def update_ref(self, repository: Path, change: RefChange) -> bool:
        """Compare and swap; false when the ref is no longer at `change.old`."""

    def is_commit(self, repository: Path, name: str) -> bool:
        """Say whether an object (40 hex) is a commit itself, not a tag of one."""

    def entries(self, repository: Path, commit: str) -> BinaryIO:
        """Stream `ls-tree -r -t -l -z --full-tree`; the caller closes it."""

    def archive(self, repository: Path, commit: str) -> BinaryIO:
        """Stream `git archive --format=tar`; the caller closes it."""
