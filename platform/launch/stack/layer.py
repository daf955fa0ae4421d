"""A tree becomes a layer: the same tree gives the same bytes on every machine and day."""

from __future__ import annotations

import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from launch.stack.pack import Layer, saved, writing

# What a machine or a moment left in the tree, and what nobody reads in a container. `/` at the end: the contents only.
LEFT_OUT = re.compile(
    r"^(var/cache/(apt|debconf|ldconfig|man)|var/lib/apt/lists|var/log|tmp|proc|sys|dev|run)/."
    r"|^etc/(resolv\.conf|hostname|machine-id|(passwd|group|shadow|gshadow|subuid|subgid)-|\.pwd\.lock)$"
    r"|^etc/apt/(sources\.list|apt\.conf\.d/99mmdebstrap)$"
    r"|^var/lib/dpkg/(.*-old|lock|lock-frontend|triggers/Lock|cmethopt)$"
    r"|^var/lib/apt/extended_states$|^usr/sbin/policy-rc\.d$"
    r"|^usr/share/(man|locale|info|lintian)/."
)
DOC = re.compile(r"^usr/share/doc/")
# Debian's changelogs say which CVEs a version closes; licences must stay.
DOC_KEPT = re.compile(r"^usr/share/doc/[^/]+(/(changelog\.Debian.*|copyright))?$")


def write(tree: Path, file: Path, *, epoch: int, began: float) -> Layer:
    """Write a tree (or the upper folder of an overlay) as a gzip tar and return its digests.

    A file changed before `began` came with a package and keeps its date; the rest gets `epoch`.
    """
    with writing(file) as tar:
        for path, name in _walk(tree):
            for info in entries(tar, path, name, epoch, began):
                _add(tar, info, path if info.isreg() and info.name == name else None)
    return saved(file)


def _add(tar: tarfile.TarFile, info: tarfile.TarInfo, path: Path | None) -> None:
    if path is None:
        tar.addfile(info)
        return
    with path.open("rb") as content:
        tar.addfile(info, content)


def _walk(tree: Path) -> Iterator[tuple[Path, str]]:
    """Yield what belongs into the layer, sorted by name, folders before their contents."""
    for folder, folders, files in os.walk(tree):
        folders.sort()
        inside = os.path.relpath(folder, tree)
        base = "" if inside == "." else inside + "/"
        for name in sorted([*folders, *files]):
            if belongs(base + name):
                yield Path(folder) / name, base + name
        folders[:] = [name for name in folders if belongs(base + name)]


def belongs(name: str) -> bool:
    """Say whether a path of the tree belongs into the image."""
    if LEFT_OUT.search(name):
        return False
    return not DOC.match(name) or bool(DOC_KEPT.match(name))


def entries(tar: tarfile.TarFile, path: Path, name: str, epoch: int, began: float) -> list[tarfile.TarInfo]:
    """Return the tar entries of one path: none for sockets and devices, a whiteout for an overlay's removal."""
    seen = path.lstat()
    if stat.S_ISCHR(seen.st_mode) and seen.st_rdev == 0:
        return [_whiteout(name, epoch)]
    if not (stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode) or stat.S_ISLNK(seen.st_mode)):
        return []
    info = tar.gettarinfo(str(path), arcname=name)
    info.uname = info.gname = ""
    info.mtime = int(seen.st_mtime) if seen.st_mtime < began else epoch
    return [info, _marker(name, epoch)] if info.isdir() and _opaque(path) else [info]


def _whiteout(name: str, epoch: int) -> tarfile.TarInfo:
    folder, _, last = name.rpartition("/")
    return _empty(f"{folder}/.wh.{last}".lstrip("/"), epoch)


def _marker(name: str, epoch: int) -> tarfile.TarInfo:
    return _empty(f"{name}/.wh..wh..opq", epoch)


def _empty(name: str, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode = epoch, 0o600
    return info


def _opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:  # no such attribute, or a file system without attributes
        return False
