"""The archive normaliser: any tar, tar.gz or zip in, one canonical tar out.

This folder runs alone under `python3 -IS` and strict limits, opens no file by name and unpacks nothing:
fd 0 is the archive (a zip must be seekable), fd 1 and the fd of the third argument are empty files for the result.
Equal content gives equal bytes: sorted as git sorts, owner and time 0, modes 644 and 755, every folder named,
symlinks that stay inside.
One JSON object on stderr says which file is the result, or which rule refused. Exit: 0 done, 2 refused, 1 ours.
"""

from __future__ import annotations

import errno
import json
import resource
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

sys.path.append(str(Path(__file__).resolve().parents[3]))  # `-I` forgets where we lie; the standard library stays first

from minato.children.normalise.canon import Canon  # noqa: E402
from minato.children.normalise.rules import BLOCK, Member, Refused, malformed  # noqa: E402
from minato.children.normalise.tarball import Meter, Tar  # noqa: E402
from minato.children.normalise.zipped import zip_members  # noqa: E402

# What zlib, zipfile and tarfile raise for bytes that are none of theirs.
BROKEN = (zlib.error, zipfile.BadZipFile, struct.error, EOFError, ValueError, RuntimeError, OverflowError)


def limits(total: int) -> None:
    """Bound this process before it reads a byte."""
    memory = 512 * 1024**2
    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, 60),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_FSIZE, total + memory),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def members(source: BinaryIO, entries: int, total: int) -> Iterator[Member]:
    head = source.read(4)
    if head in (b"PK\x03\x04", b"PK\x05\x06"):
        source.seek(0)
        return zip_members(source, entries, total)
    overhead = entries * 4 * BLOCK
    return iter(Tar(Meter(source, total + overhead, head)))


def run(entries: int, total: int, second: int) -> dict[str, object]:
    with open(0, "rb") as source, open(1, "r+b") as out, open(second, "r+b") as other:
        canon = Canon(out, entries, total)
        for member in members(source, entries, total):
            canon.add(member)
        result = canon.finish(other)
    return {"result": result, "entries": len(canon.kinds), "size": canon.size}


def main() -> int:
    entries, total, second = (int(argument) for argument in sys.argv[1:4])
    limits(total)
    code, report = 0, {}
    try:
        report = run(entries, total, second)
    except Refused as refused:
        code, report = 2, dict(refused.report)
    except BROKEN as error:
        code, report = 2, dict(malformed(f"{type(error).__name__}").report)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a zip that points before its own beginning
            raise
        code, report = 2, dict(malformed("it points outside itself").report)
    except MemoryError:
        code, report = 2, dict(malformed("it needs too much memory").report)
    print(json.dumps(report), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
