"""Errors say whose fault it is, which code it has, and what to do next."""

from __future__ import annotations

AWAY = frozenset({"engine:platform:away", "registry:platform:unreachable"})


class MinatoError(Exception):
    """What a stage raises. `code` is `<stage>:<user|platform>:<name>`, the same words in push, API and pages."""

    whose = "platform"

    def __init__(self, *, code: str, message: str, hint: str = "", evidence: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.evidence = evidence

    def lines(self) -> list[str]:
        """Return the error as a pusher reads it: message, evidence, hint; never empty."""
        body = [self.message, *self.evidence.splitlines(), *self.hint.splitlines()]
        return [line for line in body if line]


class UserError(MinatoError):
    """The developer can mend it: a fault in the source, the config or the request."""

    whose = "user"


class PlatformError(MinatoError):
    """Ours: the user sees a code and that it is not their fault, operators see the trace."""

    @property
    def passes(self) -> bool:
        """Say whether something is away that comes back by itself: the same may be tried again."""
        return self.code in AWAY


class Cancelled(MinatoError):
    """Somebody asked for the end; raised where the work notices it."""

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(code="deploy:user:cancelled", message=message)


class LostLease(PlatformError):
    """Another worker holds a newer fence: stop at once and write nothing more."""

    def __init__(self) -> None:
        super().__init__(code="deploy:platform:lost-lease", message="Another worker has taken over.")
