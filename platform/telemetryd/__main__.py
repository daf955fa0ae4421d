"""`python -m telemetryd`: serve the store on loopback until told to stop, or until it has grown too big."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path

import uvicorn

from minato.drivers.telemetry.key import shared_key
from minato.values.config import Config
from telemetryd.http import Interface
from telemetryd.store import Store

log = logging.getLogger("telemetryd")

BIGGEST = 1_200_000_000  # bytes of resident memory; a restart costs 0.3 s and writers repeat what was not answered
LOOK = 5.0  # seconds
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Return this process's resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def watch(server: uvicorn.Server, *, biggest: int = BIGGEST, look: float = LOOK) -> None:
    """End the server cleanly when it has grown over `biggest`; its supervisor starts it again."""
    while not server.should_exit:
        time.sleep(look)
        if (size := resident()) > biggest:
            log.warning("%d MB resident: ending, to be started again", size >> 20)
            server.should_exit = True


def main() -> int:
    """Open the data path, serve, and close it."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    config = Config.from_env()
    key = shared_key(config.keys)
    store = Store(config.var / "data" / "telemetry")
    settings = uvicorn.Config(
        Interface(store, key),
        host="127.0.0.1",
        port=config.ports.telemetry,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(settings)
    threading.Thread(target=watch, args=(server,), daemon=True).start()
    signal.signal(
        signal.SIGTERM, lambda *_: None
    )  # uvicorn raises the signal again when it has ended: we go on to close
    log.info("serving %s", config.telemetry_url)
    server.run()
    store.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
