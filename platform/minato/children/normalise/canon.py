"""The canonical tar as it grows."""

from __future__ import annotations

import os
import tarfile
from typing import BinaryIO

from minato.children.normalise.rules import (
    BLOCK,
    CHUNK,
    FILE,
    FOLDER,
    LFS,
    LINK,
    Member,
    Refused,
    bad_name,
    check_link,
    clean,
    malformed,
    shown,
    too_large,
)


class Canon:
    """The result as it grows: records of header and content, in the order of arrival, with their sort keys."""

    def __init__(self, out: BinaryIO, entries: int, total: int) -> None:
        self.out, self.entries, self.total = out, entries, total
        self.kinds: dict[str, str] = {}
        self.records: list[tuple[bytes, int, int]] = []
        self.size, self.offset = 0, 0
        self.pointers: list[str] = []

    def add(self, member: Member) -> None:
        name = clean(member.name)
        if not name:
            return
        self._folders(name)
        if member.kind == FOLDER:
            self._folder(name)
            return
        if name in self.kinds:
            bad_name(name, "appears twice")
        if member.kind == LINK:
            check_link(name, member.target)
        self.size += member.size
        if self.size > self.total:
            raise too_large(self.total)
        self._record(name, member)

    def _folders(self, name: str) -> None:
        at = name.find("/")
        while at > 0:
            self._folder(name[:at])
            at = name.find("/", at + 1)

    def _folder(self, name: str) -> None:
        known = self.kinds.get(name)
        if known is None:
            self._record(name, Member(name, FOLDER))
        elif known != FOLDER:
            bad_name(name, "is a file and a folder")

    def _record(self, name: str, member: Member) -> None:
        self.kinds[name] = member.kind
        if len(self.kinds) > self.entries:
            raise Refused("too-many-files", self.entries)
        start = self.offset
        self._write(header(name, member))
        self._content(name, member)
        self._write(bytes(-member.size % BLOCK))
        key = name.encode() + (b"/" if member.kind == FOLDER else b"")
        self.records.append((key, start, self.offset - start))

    def _content(self, name: str, member: Member) -> None:
        left, first = member.size, True
        while left:
            piece = member.read(min(CHUNK, left))
            if not piece:
                raise malformed("it is cut off")
            if first and member.size < 1024 and piece.startswith(LFS):
                self.pointers.append(name)
            first = False
            self._write(piece)
            left -= len(piece)

    def _write(self, data: bytes) -> None:
        self.out.write(data)
        self.offset += len(data)

    def finish(self, other: BinaryIO) -> str:
        """Return which file is the result: `first` if everything came in order, else `second`, rewritten."""
        if not self.records:
            raise Refused("empty")
        if self.pointers:
            names = "\n".join(shown(name) for name in self.pointers[:5])
            raise Refused("lfs", evidence=names)
        ordered = sorted(self.records)
        result = self.out if ordered == self.records else other
        self.out.flush()
        if result is other:
            for _, start, length in ordered:
                copy(self.out.fileno(), other, start, length)
        result.write(bytes(2 * BLOCK))
        result.flush()
        return "first" if result is self.out else "second"


def copy(source: int, out: BinaryIO, start: int, length: int) -> None:
    end = start + length
    while start < end:
        piece = os.pread(source, min(CHUNK, end - start), start)
        out.write(piece)
        start += len(piece)


def header(name: str, member: Member) -> bytes:
    info = tarfile.TarInfo(name)
    info.type = {FILE: tarfile.REGTYPE, FOLDER: tarfile.DIRTYPE, LINK: tarfile.SYMTYPE}[member.kind]
    info.size, info.linkname = member.size, member.target
    info.mode = 0o644 if member.kind == FILE and not member.executable else 0o755
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
