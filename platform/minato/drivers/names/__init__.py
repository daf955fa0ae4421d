"""Host names, as this machine resolves them."""

from __future__ import annotations

import functools
import socket
import threading

PATIENCE = 0.5  # seconds: a resolver that hangs must not hold a deploy


@functools.lru_cache(maxsize=1024)
def resolves(host: str) -> bool:
    """Say whether visitors of `host` find it; asked once per process, no answer in time is a no.

    Browsers and curl know `.localhost` by themselves (RFC 6761, 6.3), whatever the machine's resolver says.
    """
    if host.endswith(".localhost"):
        return True
    found = threading.Event()

    def ask() -> None:
        try:
            socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
        except OSError:
            return
        found.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found.is_set()
