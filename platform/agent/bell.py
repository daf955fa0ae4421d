"""Waking one loop from many threads."""

from __future__ import annotations

import threading


class Bell:
    """Rung by anybody, waited for by one; a ring between two waits is not lost."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Return true at a ring, false after `seconds`."""
        rang = self._event.wait(seconds)
        self._event.clear()
        return rang
