"""`python -m agent`: one per node."""

from __future__ import annotations

import logging
import signal
import sys

from agent.logs import ship
from agent.main import Agent
from minato.drivers.wiring import drivers
from minato.values.config import Config


def main() -> int:
    """Run until SIGTERM or SIGINT; 1 when the supervisor should start it again."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    config = Config.from_env()
    outside = drivers(config)
    agent = Agent(config, outside)

    def ship_logs() -> None:
        ship(
            config=config,
            engine=outside.engine,
            streams=outside.streams,
            telemetry=outside.telemetry,
            stop=agent.ended,
        )

    agent.start(ship_logs)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    return 0 if agent.run() else 1


if __name__ == "__main__":
    sys.exit(main())
