"""Gives back the disk space of what the router's log has said and everybody has taken.

HAProxy holds its log open for life, so it cannot be rotated, and cutting it could lose a line written in between: a
hole is punched instead. Offsets stay what they were, and with them the ids of the lines.
"""

from __future__ import annotations

import ctypes
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

KEEP_SIZE, PUNCH_HOLE = 1, 2  # linux/falloc.h
BLOCK = 1 << 20
FIRST = BLOCK  # stays: a log is known by its first line


def trim(file: Path, upto: int) -> int:
    """Free what lies before `upto`, but for the first MiB; return the bytes freed. 0 where the file system cannot."""
    length = upto // BLOCK * BLOCK - FIRST
    if length <= 0 or not file.exists():
        return 0
    before = file.stat().st_blocks
    descriptor = os.open(file, os.O_RDWR)
    try:
        _punch(descriptor, FIRST, length)
    except OSError as error:
        log.warning("%s grows: %s", file.name, error.strerror)
        return 0
    finally:
        os.close(descriptor)
    return (before - file.stat().st_blocks) * 512


def _punch(descriptor: int, offset: int, length: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    where, size = ctypes.c_longlong(offset), ctypes.c_longlong(length)
    if libc.fallocate64(descriptor, PUNCH_HOLE | KEEP_SIZE, where, size) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
