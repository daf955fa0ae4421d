"""`python -m doors`: the web process, Django with the doors before it, until told to stop."""

from __future__ import annotations

import uvicorn

from doors.wire import Careful
from minato.values.config import Config

APPLICATION = "controlplane.asgi:application"


def settings(config: Config) -> uvicorn.Config:
    """Return uvicorn's settings: live streams are cut after 3 s of a stop, or they would hold it for ever."""
    return uvicorn.Config(
        APPLICATION,
        host=config.bind,
        port=config.ports.web,
        http=Careful,
        ssl_certfile=config.tls_cert or None,
        ssl_keyfile=config.tls_key or None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody in front: an address that a client claims is not one
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,
    )


def main() -> int:
    server = uvicorn.Server(settings(Config.from_env()))
    server.run()
    return 0 if server.started else 3


if __name__ == "__main__":
    raise SystemExit(main())
