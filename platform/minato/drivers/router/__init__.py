"""HAProxy's admin socket: only `agent/router.py` calls it. Config text and commands are values in `minato/route/`."""

from __future__ import annotations

from typing import Protocol

from minato.errors import PlatformError


class Router(Protocol):
    """Raises PlatformError `router:platform:*` when the socket does not answer or a command is refused."""

    def command(self, line: str) -> str:
        """Send one runtime command and return the answer, without its final newline."""

    def commands(self, lines: list[str]) -> list[str]:
        """Send several and return their answers in order; stops with an error at the first refusal."""


def refused(line: str, answer: str, *, name: str = "refused") -> PlatformError:
    """Return the error for a command that was not carried out; `name` is `refused` or `away`."""
    return PlatformError(
        code=f"router:platform:{name}", message=f"The router did not carry out “{line}”.", evidence=answer
    )
