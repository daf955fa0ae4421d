"""The agent's side of `/internal/v1`: what a node should be, and what it is."""

from __future__ import annotations

from typing import Protocol

from minato.values.router import Observed, RouterState


class Nodes(Protocol):
    """Raises PlatformError `nodes:platform:away` when the control plane does not answer."""

    def desired(self, *, after: int) -> RouterState | None:
        """Hold up to 25 s for a generation newer than `after`; None when there is none yet."""

    def observe(self, observed: Observed) -> None: ...
