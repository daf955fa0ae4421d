"""What receive returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SourceBlob:
    """One canonical tar in the blob store: equal content has an equal name."""

    sha256: str
    size: int  # bytes, uncompressed
    entries: int


@dataclass(frozen=True, kw_only=True)
class RefChange:
    """One line of a push: `old` and `new` are 40 hex, zeros for create and delete."""

    old: str
    new: str
    ref: str

    @property
    def deletes(self) -> bool:
        return set(self.new) == {"0"}
