"""`python -m launch.engine`: Minato's own Docker engine, in the foreground, with its bridges, rules and swarm.

`--remove` takes everything away again: processes, containers, data, bridges and rules of this namespace.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from launch import dockerd, neighbours, network, remap
from minato.drivers.engine import setup
from minato.errors import MinatoError, PlatformError
from minato.values.config import Config

RECHECK = 3.0
STOP_PATIENCE = 45.0  # an instance may take 30 s to end
KILLS = 50
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
LOCK = Path("/run/lock/minato-engine.lock")


def say(text: str) -> None:
    """One line for the log; the supervisor adds nothing to it."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


class Engine:
    """One engine from its start to its end. Raises PlatformError `engine:platform:*` when it cannot start."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.places = dockerd.Places.of(config)
        self.inside = network.bridges(config)
        self.dns: list[str] = []
        self.stop = threading.Event()
        self.held: list[dockerd.Held] = []

    def run(self) -> int:
        """Start, watch, end; 0 when asked to end, 1 when a daemon died and the supervisor must start us again."""
        try:
            self.bring_up()
        except MinatoError:
            self.end()
            raise
        if self.watch():
            # Its instances go on serving until the next start.
            self.end()
            return 1
        self.end()
        kill_left(self.places)
        return 0

    def bring_up(self) -> None:
        """Network, daemons, swarm; daemons that run already are taken over."""
        began = time.monotonic()
        self.prepare()
        adopted = self.adopt()
        if not adopted:
            self.start()
        new = setup.prepare(self.wishes())
        word = "adopted" if adopted else "ready"
        say(f"engine {word} after {time.monotonic() - began:.2f} s on {self.places.socket}")
        setup.tidy(self.places.socket, new=new)

    def wishes(self) -> setup.Wishes:
        config = self.config
        return setup.Wishes(
            socket=self.places.socket,
            ns=config.ns,
            address=config.swarm_address,
            builds_bridge=config.builds_bridge,
            builds_subnet=config.builds_subnet,
            builds_gateway=config.builds_gateway,
            mtu=network.uplink().mtu,
        )

    def prepare(self) -> None:
        """Folders, kernel settings, bridges and rules: all there before the first container can be."""
        self.places.make()
        network.filter_bridged()
        way = network.uplink()
        self.dns = network.resolvers(RESOLVERS, network.own_addresses())
        if not self.dns:
            say("no name server that a container can reach: /etc/resolv.conf names only addresses of this machine")
        self.refuse_conflicts()
        for bridge in self.inside:
            network.ensure_bridge(bridge, mtu=way.mtu)
        network.ensure_rules(self.config.ns, self.inside, way.name, self.dns)
        remap.ensure_ranges()
        dockerd.write_configs(self.config, self.places, dns=self.dns, mtu=way.mtu)

    def refuse_conflicts(self) -> None:
        found = network.conflicts(self.inside, network.routes(), self.dns)
        if found:
            raise PlatformError(
                code="engine:platform:subnet",
                message=" ".join(found),
                hint="Set MINATO_NS to another name: it chooses the subnets.",
            )

    def adopt(self) -> bool:
        """Take over daemons that outlived their wrapper; ends a half of the pair, so that both start together."""
        found = [dockerd.find(argv) for argv in self.argvs()]
        self.held = [held for held in found if held]
        if len(self.held) == 2 and setup.answers(self.places.socket):
            return True
        self.end()
        return False

    def argvs(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return dockerd.containerd_argv(self.places), dockerd.dockerd_argv(self.places)

    def start(self) -> None:
        """Start both daemons, alone on the machine, and give back what the start took from other engines' rules."""
        places = self.places
        with neighbours.alone(LOCK):
            dockerd.forget_stale(places)
            neighbours.keep(places.snapshot, neighbours.snapshot(tuple(bridge.name for bridge in self.inside)))
            for argv, ready in zip(self.argvs(), (places.containerd_socket.exists, self.answers), strict=True):
                self.held.append(dockerd.start(argv))
                dockerd.await_ready(ready, self.held[-1], 120.0)
            self.give_back()

    def answers(self) -> bool:
        return setup.answers(self.places.socket)

    def give_back(self) -> None:
        mended = neighbours.put_back(neighbours.recall(self.places.snapshot))
        self.places.snapshot.unlink(missing_ok=True)
        if mended:
            say(f"put back another engine's rules in {', '.join(mended)}")

    def watch(self) -> bool:
        """Keep the rules until asked to stop; true if a daemon ended by itself."""
        while not self.stop.is_set():
            if any(held.ended() for held in self.held):
                say("a daemon of the engine ended by itself")
                return True
            self.keep_rules()
            self.wait()
        return False

    def keep_rules(self) -> None:
        try:
            mended = network.ensure_rules(self.config.ns, self.inside, network.uplink().name, self.dns)
        except PlatformError as error:
            say(f"rules not checked: {error.message}")
            return
        if mended:
            say(f"rules mended in {', '.join(mended)}")

    def wait(self) -> None:
        """Pass the time between two checks, awake at once when a daemon ends or a signal comes."""
        until = time.monotonic() + RECHECK
        while time.monotonic() < until and not self.stop.is_set() and not any(held.ended(0.1) for held in self.held):
            continue

    def end(self) -> None:
        """End dockerd, which stops its containers, then containerd."""
        for held in reversed(self.held):
            held.end(STOP_PATIENCE)
        self.held = []
        dockerd.forget_stale(self.places)


def kill_left(places: dockerd.Places) -> None:
    """Kill what an ended engine left running, until nothing is."""
    for _ in range(KILLS):
        if not dockerd.kill_left(places):
            return
        time.sleep(0.1)


def remove(config: Config) -> None:
    """Leave nothing of this namespace's engine."""
    engine = Engine(config)
    places = engine.places
    engine.held = [held for argv in engine.argvs() if (held := dockerd.find(argv))]
    engine.end()
    kill_left(places)
    dockerd.unmount_left(places)
    names = (*(bridge.name for bridge in engine.inside), setup.gateway_bridge(config.ns))
    for name in names:
        network.remove_bridge(name)
    network.remove_rules(config.ns, names)
    dockerd.remove_cgroups(places.cgroup)
    dockerd.remove_files(places)
    neighbours.leave()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m launch.engine", description=__doc__)
    parser.add_argument("--remove", action="store_true", help="remove the engine, its data, bridges and rules")
    wish = parser.parse_args()
    config = Config.from_env()
    try:
        if wish.remove:
            remove(config)
            return 0
        engine = Engine(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: engine.stop.set())
        return engine.run()
    except MinatoError as error:
        for line in (error.code, *error.lines()):
            print(line, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
