"""One build's clock: asked by every wait, it knows cancel, silence and the deadline apart."""

from __future__ import annotations

import time
from collections.abc import Callable

from minato.errors import Cancelled, MinatoError, UserError


class Watch:
    """`over()` is asked about twice a second by whoever waits; `heard()` is called for every output."""

    def __init__(self, *, total: float, silence: float, stop: Callable[[], bool]) -> None:
        self.total, self.silence, self.stop = total, silence, stop
        self.began = self.last = time.monotonic()
        self.error: MinatoError | None = None

    def heard(self) -> None:
        self.last = time.monotonic()

    def over(self) -> bool:
        if self.error is None:
            self.error = self._judge(time.monotonic())
        return self.error is not None

    def rang(self) -> bool:
        """Say whether `over` was ever true, without asking: for threads that may not call `stop`."""
        return self.error is not None

    def _judge(self, now: float) -> MinatoError | None:
        if self.stop():
            return Cancelled("The build was cancelled.")
        if now - self.began > self.total:
            return _too_long("build:user:timeout", f"The build took longer than {self.total:.0f} seconds.")
        if now - self.last > self.silence:
            return _too_long("build:user:silent", f"The build said nothing for {self.silence:.0f} seconds.")
        return None


def _too_long(code: str, message: str) -> UserError:
    return UserError(code=code, message=message, hint="A build may not wait for input or for the network.")
