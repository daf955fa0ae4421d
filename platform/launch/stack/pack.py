"""A gzip tar with its digests, the same bytes for the same entries."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A written layer: digest of the gzip file, diff_id of the tar within, size in bytes of the file."""

    file: str
    digest: str
    diff_id: str
    size: int


def saved(file: Path) -> Layer:
    """Return a layer written earlier, wherever its folder lies now."""
    told = json.loads(Path(f"{file}.json").read_text())
    return Layer(**{**told, "file": str(file)})


class _Counted(io.RawIOBase):
    """A file that hashes and counts what passes."""

    def __init__(self, below: io.BufferedIOBase) -> None:
        self.below, self.sha, self.size = below, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.sha.update(data)
        self.size += len(data)
        return self.below.write(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self.sha.hexdigest()}"


@contextlib.contextmanager
def writing(file: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar at `file`; when it closes, `<file>.json` says what `saved` returns."""
    with file.open("wb") as raw:
        packed = _Counted(raw)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0) as squeezed:
            plain = _Counted(squeezed)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                yield tar
    layer = Layer(file=str(file), digest=packed.digest, diff_id=plain.digest, size=packed.size)
    Path(f"{file}.json").write_text(json.dumps(asdict(layer)))


def write_members(members: Iterable[tuple[tarfile.TarInfo, bytes]], file: Path) -> Layer:
    """Write a layer from entries made in memory, in their order."""
    with writing(file) as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return saved(file)
