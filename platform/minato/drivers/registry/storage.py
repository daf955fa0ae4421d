"""docker-registry's storage on this machine's disk: what is deleted by its API leaves its blobs there for ever.

Its own `garbage-collect` is unsafe beside pushes. A push believes in a blob only when its own repository links to it,
so a blob that no repository links to is garbage, save while a push stands between finding the blob and linking to
it. So nothing goes at once: a blob is first moved aside, where no push finds it, and goes when after `hold` seconds
nothing links to it still; else it is put back. Any number of processes may do so at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from minato.drivers.registry.names import blobs_of
from minato.errors import PlatformError

HOLD = 10.0  # seconds aside
UNNEEDED = 3600.0
LAYERS, MANIFESTS = "_layers/sha256", "_manifests/revisions/sha256"
PARTS = ("_layers", "_manifests", "_uploads")
SEGMENT = re.compile(r"^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$")
SWEPT = "_swept"  # no repository's name begins so


class RegistryStorage:
    """The folder that the registry's config names as `rootdirectory`. Paths are a repository's, without the host."""

    def __init__(self, root: Path, *, hold: float = HOLD) -> None:
        self.repositories = root / "docker/registry/v2/repositories"
        self.blobs = root / "docker/registry/v2/blobs/sha256"
        self.aside = root / "aside"
        self.hold = hold

    def delete(self, path: str) -> None:
        """Remove a repository and what only it has; call it again until `remains` is false, after `hold` seconds."""
        repository = self._repository(path)
        self._settle(self.aside / _flat(path))
        mine = {blob.name for blob in _entries(repository)}  # a manifest that the API has deleted leaves its folder
        for part in PARTS:
            shutil.rmtree(repository / part, ignore_errors=True)
        with contextlib.suppress(OSError):  # it is gone, or holds others
            repository.rmdir()
        self._set_aside(mine - self.linked(), self.aside / _flat(path))

    def remains(self, path: str) -> bool:
        """Say whether anything of a repository is on disk."""
        repository = self._repository(path)
        return any((repository / part).exists() for part in PARTS) or (self.aside / _flat(path)).exists()

    def unlink_unneeded(self, path: str, *, older_than: float = UNNEEDED) -> int:
        """Forget a repository's old links to layers of which no manifest speaks any more; return how many.

        Nobody may push to it meanwhile: a push links to its layers before there is a manifest.
        """
        repository = self._repository(path)
        manifests = [self._blob(entry.name) / "data" for entry in _linked_entries(repository, MANIFESTS)]
        if not all(data.exists() for data in manifests):
            return 0  # nobody knows what that one needs
        needed = {digest.removeprefix("sha256:") for data in manifests for digest in blobs_of(data.read_bytes())}
        latest = time.time() - older_than
        links = [entry for entry in _linked_entries(repository, LAYERS) if entry.name not in needed]
        old = [entry for entry in links if _written(entry, "link") <= latest]
        for entry in old:
            shutil.rmtree(entry, ignore_errors=True)
        return len(old)

    def sweep(self, *, older_than: float) -> int:
        """Move aside each blob that nothing links to and that is `older_than` seconds old; return how many."""
        for owner in _folders(self.aside):
            self._settle(owner)
        latest = time.time() - older_than
        old = {blob.name for blob in self._all_blobs() if _written(blob) <= latest}
        unlinked = old - self.linked()
        self._set_aside(unlinked, self.aside / SWEPT)
        return len(unlinked)

    def linked(self) -> set[str]:
        """Return the blobs (64 hex) that any repository links to."""
        return {digest for repository in self._all_repositories() for digest in _links(repository)}

    # -- aside ------------------------------------------------------------------------------------------------------
    def _set_aside(self, digests: Iterable[str], owner: Path) -> None:
        moved = [digest for digest in digests if self._move_aside(digest, owner)]
        if moved:
            self._put_back(owner, set(moved) & self.linked())

    def _move_aside(self, digest: str, owner: Path) -> bool:
        blob = self._blob(digest)
        owner.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another process did, or it never was whole
            os.utime(blob)  # since when it lies aside; its age is its data's
            blob.rename(owner / digest)
            return True
        return False

    def _settle(self, owner: Path) -> None:
        """Look again at what lies aside: put back what is linked to, remove the rest once it has lain long enough."""
        aside = {folder.name: folder for folder in _folders(owner)}
        linked = self.linked() if aside else set()
        self._put_back(owner, linked & aside.keys())
        latest = time.time() - self.hold
        for digest in aside.keys() - linked:
            if _changed(aside[digest]) <= latest:
                shutil.rmtree(aside[digest], ignore_errors=True)
        with contextlib.suppress(OSError):  # not empty yet, or never there
            owner.rmdir()

    def _put_back(self, owner: Path, digests: Iterable[str]) -> None:
        for digest in digests:
            blob = self._blob(digest)
            blob.parent.mkdir(exist_ok=True)
            try:
                (owner / digest).rename(blob)
            except FileNotFoundError:
                continue  # another process did
            except OSError:
                shutil.rmtree(owner / digest, ignore_errors=True)  # it has been pushed anew meanwhile

    # -- places -----------------------------------------------------------------------------------------------------
    def _repository(self, path: str) -> Path:
        if not all(SEGMENT.fullmatch(segment) for segment in path.split("/")):
            raise PlatformError(code="registry:platform:reference", message=f"{path!r} is no repository.")
        return self.repositories / path

    def _blob(self, digest: str) -> Path:
        return self.blobs / digest[:2] / digest

    def _all_blobs(self) -> Iterator[Path]:
        for shard in _folders(self.blobs):
            yield from _folders(shard)

    def _all_repositories(self) -> Iterator[Path]:
        for folder, names, _ in os.walk(self.repositories):
            if not {"_layers", "_manifests"}.isdisjoint(names):
                yield Path(folder)
            names[:] = [name for name in names if not name.startswith("_")]


def _flat(path: str) -> str:
    """Return a folder's name for a repository's path: no segment of one has a `+`."""
    return path.replace("/", "+")


def _links(repository: Path) -> set[str]:
    """Return the blobs that a repository links to: its layers, its images' configs, its manifests."""
    return {entry.name for kind in (LAYERS, MANIFESTS) for entry in _linked_entries(repository, kind)}


def _linked_entries(repository: Path, kind: str) -> list[Path]:
    return [entry for entry in _folders(repository / kind) if (entry / "link").exists()]


def _entries(repository: Path) -> list[Path]:
    return [entry for kind in (LAYERS, MANIFESTS) for entry in _folders(repository / kind)]


def _folders(place: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(place) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _written(entry: Path, what: str = "data") -> float:
    """Return when a blob's data or a link was written; one that is just coming or going is new."""
    try:
        return (entry / what).stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()
