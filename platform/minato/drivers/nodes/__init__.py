"""The agent's side of `/internal/v1`: what a node should be, and what it is."""

from __future__ import annotations

from typing import Protocol

from minato.errors import PlatformError
from minato.values.router import Observed, RouterState


class Nodes(Protocol):
    """Raises PlatformError `nodes:platform:away` when the control plane does not answer."""

    def desired(self, *, after: int) -> RouterState | None:
        """Hold up to 25 s for a generation newer than `after`; None when there is none yet."""

    def observe(self, observed: Observed) -> None: ...


def away(why: str) -> PlatformError:
    """Return what both methods raise when the control plane does not answer as agreed."""
    return PlatformError(code="nodes:platform:away", message="The control plane does not answer.", evidence=why)
