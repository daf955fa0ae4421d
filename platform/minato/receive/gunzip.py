"""A gzip request body, opened piece by piece: a bomb costs one piece of memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PIECE = 256 * 1024


class TooLarge(Exception):  # noqa: N818 - an outcome
    """More bytes came out than are allowed."""


class Gunzip:
    """Feed compressed bytes, take pieces of at most 256 KiB."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._out = 0
        self._inflate = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` opens to. Raises TooLarge over the limit, zlib.error for what is no gzip."""
        while data and not self._inflate.eof:
            piece = self._inflate.decompress(data, PIECE)
            data = self._inflate.unconsumed_tail
            self._out += len(piece)
            if self._out > self._limit:
                raise TooLarge
            if piece:
                yield piece
