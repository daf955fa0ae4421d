"""A control plane in memory, for one node."""

from __future__ import annotations

import threading

from minato.drivers.nodes import away
from minato.values.router import Observed, RouterState


class FakeNodes:
    """The test sets `state` by `want`, and reads what was reported; `gone` makes it silent."""

    def __init__(self, *, hold: float = 25.0) -> None:
        self.hold = hold
        self.gone = False
        self.reports: list[Observed] = []
        self._state: RouterState | None = None
        self._changed = threading.Condition()

    def want(self, state: RouterState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def desired(self, *, after: int) -> RouterState | None:
        self._answer()
        with self._changed:
            self._changed.wait_for(lambda: self._newer(after), self.hold)
            self._answer()
            return self._state if self._newer(after) else None

    def observe(self, observed: Observed) -> None:
        self._answer()
        with self._changed:
            self.reports.append(observed)
            self._changed.notify_all()

    def _newer(self, after: int) -> bool:
        return self._state is not None and self._state.generation > after

    def _answer(self) -> None:
        if self.gone:
            raise away("the test said so")
