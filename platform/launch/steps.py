"""What a person sees of a long start: one line per step, with its seconds, and a table at the end."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Steps:
    """Steps taken so far as (name, seconds). `earlier` comes from the set-up before Python was ready."""

    taken: list[tuple[str, float]] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say the name at the start and its seconds at the end; an exception says so and goes on up."""
        began = time.monotonic()
        print(f"-----> {name}", flush=True)
        end = "       {}: {:.1f} s"
        try:
            yield
        except BaseException:
            end = " !     {}: failed after {:.1f} s"
            raise
        finally:
            self.taken.append((name, time.monotonic() - began))
            print(end.format(*self.taken[-1]), flush=True)

    def table(self) -> str:
        """Return where the time went, one line per step and the sum."""
        width = max((len(name) for name, _ in self.taken), default=5)
        rows = [
            f"       {name:<{width}}  {seconds:7.1f} s"
            for name, seconds in [*self.taken, ("in all", sum(s for _, s in self.taken))]
        ]
        return "\n".join(rows)


def say(line: str) -> None:
    """Print an ordinary line of output."""
    print(f"       {line}", flush=True)


def warn(line: str) -> None:
    """Print a warning, to the standard error stream."""
    print(f" !     {line}", file=sys.stderr, flush=True)
