"""Progress with seconds, for the terminal of a start."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Say = Callable[[str], None]


def to_stderr(line: str) -> None:
    """Standard output belongs to results."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def step(say: Say, what: str) -> Iterator[None]:
    """Say that something begins, and how long it took when it ends well."""
    began = time.monotonic()
    say(f"{what} ...")
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")
