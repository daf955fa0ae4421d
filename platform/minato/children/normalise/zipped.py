"""The members of a zip, in canonical order."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from minato.children.normalise.rules import (
    FILE,
    FOLDER,
    FREE,
    LINK,
    NAME,
    RATIO,
    Member,
    Refused,
    malformed,
    shown,
    too_large,
)


def zip_members(source: BinaryIO, entries: int, total: int) -> Iterator[Member]:
    """Yield a zip's members in canonical order. Overlapping or encrypted members and lying sizes are refused."""
    try:
        with zipfile.ZipFile(source) as archive:
            infos = archive.infolist()
            zip_rules(infos, entries, total, os.fstat(source.fileno()).st_size, archive.start_dir)
            for info in sorted(infos, key=lambda i: zip_name(i).encode("utf-8", "surrogateescape")):
                yield from zip_member(archive, info)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise malformed("its zip structure is broken") from error


def zip_rules(infos: list[zipfile.ZipInfo], entries: int, total: int, size: int, end: int) -> None:
    if len(infos) > entries:
        raise Refused("too-many-files", entries)
    if any(i.flag_bits & 0x1 for i in infos):
        raise Refused("encrypted")
    if any(i.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for i in infos):
        raise malformed("it uses a compression other than deflate")
    declared = sum(i.file_size for i in infos)
    if declared > total:
        raise too_large(total)
    if declared > FREE and declared > RATIO * size:
        raise Refused("ratio")
    spans = sorted((i.header_offset, i.header_offset + 30 + len(i.orig_filename) + i.compress_size) for i in infos)
    starts = [*(start for start, _ in spans[1:]), end]
    if any(stop > start for (_, stop), start in zip(spans, starts, strict=False)):
        raise malformed("its members overlap")


def zip_name(info: zipfile.ZipInfo) -> str:
    """Return the name as UTF-8; many writers store UTF-8 without saying so."""
    if info.flag_bits & 0x800:
        return info.orig_filename
    return info.orig_filename.encode("cp437", "replace").decode("utf-8", "surrogateescape")


def zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[Member]:
    mode = info.external_attr >> 16 if info.create_system == 3 else 0
    name, kind = zip_name(info), stat.S_IFMT(mode)
    if name.endswith("/") or kind == stat.S_IFDIR:
        yield Member(name, FOLDER)
        return
    if kind not in (0, stat.S_IFREG, stat.S_IFLNK):
        raise Refused("special-file", evidence=shown(name))
    with archive.open(info) as body:
        if kind == stat.S_IFLNK:
            yield Member(name, LINK, target=body.read(NAME + 1).decode("utf-8", "surrogateescape"))
        else:
            yield Member(name, FILE, info.file_size, bool(mode & 0o100), read=body.read)
