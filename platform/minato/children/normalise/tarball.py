"""The members of a tar or tar.gz, as a stream in bounded memory."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from minato.children.normalise.rules import (
    BLOCK,
    CHUNK,
    FILE,
    FOLDER,
    FREE,
    HEADER,
    LINK,
    RATIO,
    Member,
    Refused,
    malformed,
    shown,
    too_large,
    whole,
)

TAR_KINDS = {
    tarfile.REGTYPE: FILE,
    tarfile.AREGTYPE: FILE,
    tarfile.CONTTYPE: FILE,
    tarfile.DIRTYPE: FOLDER,
    tarfile.SYMTYPE: LINK,
}


class Meter:
    """The bytes of a tar, decompressed if need be, counted on the way."""

    def __init__(self, source: BinaryIO, limit: int, head: bytes) -> None:
        self.source, self.limit = source, limit
        self.inflate = zlib.decompressobj(wbits=31) if head[:2] == b"\x1f\x8b" else None
        self.taken, self.given = 0, 0
        self.raw, self.ready = head, b""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; b"" at the end."""
        while not self.ready and self._more():
            pass
        piece, self.ready = self.ready[:size], self.ready[size:]
        return piece

    def exactly(self, size: int) -> bytes:
        parts = []
        while size and (piece := self.read(size)):
            parts.append(piece)
            size -= len(piece)
        if size:
            raise malformed("it is cut off")
        return b"".join(parts)

    def _more(self) -> bool:
        """Fetch and open the next piece; false at the end."""
        if not self.raw:
            self.raw = self.source.read(65536)
        if not self.raw:
            if self.inflate is not None and not self.inflate.eof:
                raise malformed("its gzip stream is cut off")
            return False
        self.taken += len(self.raw)
        self._open()
        self.taken -= len(self.raw)
        self.given += len(self.ready)
        self._judge()
        return True

    def _open(self) -> None:
        if self.inflate is None:
            self.ready, self.raw = self.raw, b""
            return
        if self.inflate.eof:
            if self.raw[:1] != b"\x1f":  # padding after the last member
                self.raw = b""
                return
            self.inflate = zlib.decompressobj(wbits=31)
        self.ready = self.inflate.decompress(self.raw, CHUNK)
        self.raw = self.inflate.unused_data if self.inflate.eof else self.inflate.unconsumed_tail

    def _judge(self) -> None:
        if self.given > self.limit:
            raise too_large(self.limit)
        if self.given > FREE and self.given > RATIO * max(self.taken, 1):
            raise Refused("ratio")


class Tar:
    """The members of a tar stream: ustar, GNU long names, pax; strict where tarfile is lenient."""

    def __init__(self, stream: Meter) -> None:
        self.stream = stream
        self.extra: dict[str, str] = {}

    def __iter__(self) -> Iterator[Member]:
        while (block := self.stream.exactly(BLOCK)) != bytes(BLOCK):
            info = self._info(block)
            if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE):
                self._pax(info)
            elif info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                key = "path" if info.type == tarfile.GNUTYPE_LONGNAME else "linkpath"
                self.extra[key] = self._header(info).split(b"\0")[0].decode("utf-8", "surrogateescape")
            else:
                yield from self._member(info)
        while self.stream.read(CHUNK):  # the padding, so that the writer is never cut off
            pass

    def _info(self, block: bytes) -> tarfile.TarInfo:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise malformed("it has a broken header") from error
        if info.size < 0:
            raise malformed("it has a negative size")
        return info

    def _header(self, info: tarfile.TarInfo) -> bytes:
        if info.size > HEADER:
            raise malformed("it has a header larger than 64 KiB")
        data = self.stream.exactly(info.size)
        self.stream.exactly(-info.size % BLOCK)
        return data

    def _pax(self, info: tarfile.TarInfo) -> None:
        found = dict(pax_records(self._header(info)))
        if any(key.startswith("GNU.sparse") for key in found):
            raise Refused("sparse")
        if info.type != tarfile.XGLTYPE:
            self.extra.update(found)
        elif found.keys() & {"path", "linkpath", "size"}:
            raise malformed("one header names every file")

    def _member(self, info: tarfile.TarInfo) -> Iterator[Member]:
        extra, self.extra = self.extra, {}
        name = extra.get("path", info.name)
        if info.type == tarfile.LNKTYPE:
            raise Refused("hard-link", evidence=shown(name))
        kind = TAR_KINDS.get(info.type)
        if kind is None:
            raise Refused("special-file", evidence=shown(name))
        size = whole(extra.get("size", str(info.size))) if kind == FILE else 0
        body = Body(self.stream, size)
        target = extra.get("linkpath", info.linkname) if kind == LINK else ""
        yield Member(name, kind, size, bool(info.mode & 0o100), target, body.read)
        body.skip()
        self.stream.exactly(-size % BLOCK)


class Body:
    """The content of one tar member."""

    def __init__(self, stream: Meter, size: int) -> None:
        self.stream, self.left = stream, size

    def read(self, size: int) -> bytes:
        if not self.left:
            return b""
        piece = self.stream.read(min(size, self.left))
        if not piece:
            raise malformed("it is cut off")
        self.left -= len(piece)
        return piece

    def skip(self) -> None:
        while self.read(CHUNK):
            pass


def pax_records(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each `<length> <key>=<value>\\n`."""
    while data:
        digits, space, _ = data.partition(b" ")
        length = whole(digits.decode("latin-1")) if space else 0
        record, data = data[len(digits) + 1 : length], data[length:]
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise malformed("it has a broken pax header")
        yield key.decode("utf-8", "replace"), value[:-1].decode("utf-8", "surrogateescape")
