"""The archive normaliser as a child process: hostile bytes are read there, never here."""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from minato.drivers.blobs import Blobs
from minato.errors import MinatoError, PlatformError, UserError
from minato.values.source import SourceBlob

CHILD = Path(__file__).parents[1] / "children" / "normalise"
ENTRIES = 50_000
TOTAL = 1024**3
SECONDS = 180.0


def normalise(source: BinaryIO, blobs: Blobs, *, entries: int = ENTRIES, total: int = TOTAL) -> SourceBlob:
    """Store the canonical tar of an archive (tar, tar.gz; a zip must be a file) and return it.

    `total` is in bytes, unpacked. Raises UserError `receive:user:*` for what the archive is, PlatformError
    `receive:platform:*` for a full disk or a fault of ours.
    """
    first, second = blobs.scratch(), blobs.scratch()
    try:
        report = _run(source, first, second, entries, total)
        result = first if report["result"] == "first" else second
        return SourceBlob(sha256=blobs.put(result), size=int(report["size"]), entries=int(report["entries"]))
    finally:
        for path in (first, second):
            path.unlink(missing_ok=True)


def _run(source: BinaryIO, first: Path, second: Path, entries: int, total: int) -> dict[str, str]:
    """Run the child and return its report."""
    with first.open("r+b") as out, second.open("r+b") as other:
        child = subprocess.Popen(
            [sys.executable, "-IS", str(CHILD), str(entries), str(total), str(other.fileno())],
            stdin=source,
            stdout=out,
            stderr=subprocess.PIPE,
            pass_fds=(other.fileno(),),
            env={"LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            _, errors = child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise too_slow() from None
        return _report(child.returncode, errors)


def _report(code: int, errors: bytes) -> dict[str, str]:
    told: dict[str, str] = {}
    with contextlib.suppress(ValueError):
        told = json.loads(errors)
    if code == 0:
        return told
    if code == 2 and "code" in told:
        raise UserError(code=told["code"], message=told["message"], hint=told["hint"], evidence=told["evidence"])
    raise _fault(code, errors.decode("utf-8", "replace"))


def _fault(code: int, errors: str) -> MinatoError:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return too_slow()
    if f"[Errno {errno.ENOSPC}]" in errors:
        return PlatformError(code="receive:platform:storage-full", message="The platform's storage is full.")
    return PlatformError(code="receive:platform:normaliser", message="The source could not be read.", evidence=errors)


def too_slow() -> UserError:
    return UserError(
        code="receive:user:too-complex",
        message="The archive takes more than a minute to read.",
        hint="Leave generated files and dependencies out of it.",
    )
