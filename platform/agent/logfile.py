"""A log file that grows and is rotated under its reader: nothing is read twice, and nothing is skipped unsaid."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

READ = 1 << 20  # bytes per read
LONGEST_LINE = 1 << 20  # a line that is longer is given up
LOOKS = 5
ROTATED = 9  # <path>.1 … .9 are looked at


@dataclass(frozen=True)
class Place:
    """How far a file has been read. `generation` names the file by its first line, whatever it is called now."""

    inode: int
    generation: str
    offset: int


@dataclass(frozen=True)
class Chunk:
    """Whole lines that begin at `offset` of one file."""

    data: bytes
    generation: str
    offset: int


class LogFile:
    """Reads one path and what it is renamed to, oldest first. `gaps` counts files that went before they were read."""

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self.path = path
        self.place = place
        self.gaps = 0
        self._file = -1
        self._known = place is not None

    def read(self) -> Chunk | None:
        """Return the next whole lines, or None if there are none now."""
        self.hold()
        if self._file < 0:
            return None
        chunk = self._lines()
        if chunk is None and self._left_behind():
            chunk = self._lines()  # written between our last read and the renaming
            if chunk is None and self._next():
                return self.read()
        return chunk

    def hold(self) -> None:
        """Open the file, so that it can be read to its end even when it is removed."""
        if self._file < 0:
            self._open()

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    # -- the open file ------------------------------------------------------------------------------------------------
    def _lines(self) -> Chunk | None:
        place = self.place
        if place is None:
            return None
        data = os.pread(self._file, READ, place.offset)
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) >= LONGEST_LINE:
            end = len(data)
        if end == 0:
            self._begin_again_if_cut(place)
            return None
        self.place = Place(place.inode, place.generation, place.offset + end)
        return Chunk(data[:end], place.generation, place.offset)

    def _begin_again_if_cut(self, place: Place) -> None:
        if os.fstat(self._file).st_size < place.offset:
            self.place = Place(place.inode, generation(self._file) or place.generation, 0)

    def _left_behind(self) -> bool:
        """Say whether the path names another file by now, or none."""
        try:
            return self.place is not None and self.path.stat().st_ino != self.place.inode
        except OSError:
            return False  # it will be made again, or its container is gone: what we hold is the last

    # -- which file ---------------------------------------------------------------------------------------------------
    def _open(self) -> bool:
        """Open the file of our place, else the oldest there is."""
        found, wanted = self._candidates(), self.place
        if wanted is not None:
            for _ in range(LOOKS):  # a file that is being renamed may be missed by one look
                if any(inode == wanted.inode and self._take(path, inode, wanted) for path, inode in found):
                    return True
                found = self._candidates()
            self.gaps += bool(found) and self._known
        self._known, self.place = False, None
        for path, inode in reversed(found):
            if self._take(path, inode, None):
                return True
            if _inode(path) != inode:
                return False  # rotated while we looked: what is called so now may not be the oldest
        return False

    def _next(self) -> bool:
        """Go on with the file that came after ours, once it has a line."""
        ours = self.place.inode if self.place else 0
        found = self._candidates()
        inodes = [inode for _, inode in found]
        newer = found[: inodes.index(ours)] if ours in inodes else found
        done = self._file
        if ours not in inodes and os.fstat(done).st_nlink:
            return False  # it is being renamed
        if not newer or not self._take(*newer[-1], None):
            return False
        os.close(done)
        self.gaps += ours not in inodes
        return True

    def _candidates(self) -> list[tuple[Path, int]]:
        """Return the files that exist with their inodes, newest first."""
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{number}") for number in range(1, ROTATED + 1))]
        return [(path, inode) for path in names if (inode := _inode(path))]

    def _take(self, path: Path, inode: int, wanted: Place | None) -> bool:
        """Open `path` if it is still the file that we saw there, has a line, and is the wanted one."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        name = generation(file)
        if os.fstat(file).st_ino != inode or not name or (wanted is not None and name != wanted.generation):
            os.close(file)
            return False
        self._file = file
        self.place = wanted or Place(inode, name, 0)
        return True


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0  # rotated away since we looked


def generation(file: int) -> str:
    """Return a file's name by its first line (8 hex), or "" while it has none."""
    head = os.pread(file, LONGEST_LINE, 0)
    end = head.find(b"\n")
    return f"{zlib.crc32(head[:end]):08x}" if end >= 0 else ""
