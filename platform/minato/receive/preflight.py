"""The look at a tree before any archive of it is made: a small pack can hold a very large tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from minato.errors import UserError

ENTRIES = 100_000
TOTAL = 1024**3
"""Bytes of all files of one source, uncompressed."""

NAMED = 5
SUBMODULE = b"160000"


@dataclass
class Tally:
    """What one walk over a tree has seen."""

    entries: int = 0
    size: int = 0
    submodules: list[str] = field(default_factory=list)
    hostile: list[str] = field(default_factory=list)


def records(stream: BinaryIO, *, chunk: int = 65536) -> Iterator[bytes]:
    """Yield the NUL-terminated records of `ls-tree -z`, in bounded memory."""
    rest = b""
    while data := stream.read(chunk):
        *whole, rest = (rest + data).split(b"\0")
        yield from whole
        if len(rest) > 65536:
            raise UserError(code="receive:user:name", message="A path of this source is longer than 64 KiB.")


def check(lines: Iterable[bytes]) -> Tally:
    """Walk `<mode> <type> <object> <size>\\t<path>` lines; raise UserError `receive:user:*` at the first limit.

    The walk stops there, so a tree of 10^10 files costs no more than one of `ENTRIES`.
    """
    tally = Tally()
    for line in lines:
        _count(tally, line)
        if tally.entries > ENTRIES:
            raise UserError(
                code="receive:user:too-many-files",
                message=f"This commit has more than {ENTRIES:,} files and folders.",
                hint="Leave dependencies and generated files out (.gitignore), then commit and push again.",
            )
        if tally.size > TOTAL:
            raise UserError(
                code="receive:user:too-large",
                message=f"The files of this commit are larger than {TOTAL // 1024**2:,} MiB together.",
                hint="Keep large data outside the repository, then commit and push again.",
            )
    _refuse(tally)
    return tally


def _count(tally: Tally, line: bytes) -> None:
    head, _, path = line.partition(b"\t")
    mode, _, _, size = head.split()
    tally.entries += 1
    tally.size += int(size) if size.isdigit() else 0
    if mode == SUBMODULE and len(tally.submodules) < NAMED:
        tally.submodules.append(printable(path))
    if any(byte < 0x20 or byte == 0x7F for byte in path) and len(tally.hostile) < NAMED:
        tally.hostile.append(printable(path))


def _refuse(tally: Tally) -> None:
    if tally.hostile:
        raise UserError(
            code="receive:user:name",
            message="Some paths have control characters in their names.",
            evidence="\n".join(tally.hostile),
            hint="Rename them with `git mv`, commit and push again.",
        )
    if tally.submodules:
        raise UserError(
            code="receive:user:submodules",
            message="Submodules are not fetched: their folders would be empty.",
            evidence="\n".join(tally.submodules),
            hint="Copy the files in (`git rm --cached <path>`, `git add <path>`), commit and push again.",
        )


def printable(path: bytes) -> str:
    """Return a path for people: control bytes and what is not UTF-8 escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
