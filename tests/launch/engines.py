"""Engines that a test starts and ends by itself: ours by `python -m launch.engine`, and a stranger's dockerd."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import docker

from launch import dockerd, mounts, network
from minato.drivers.engine.swarm import SwarmEngine
from minato.values.config import Config
from minato.values.ids import new_id
from tests.drivers import tiny
from tests.drivers.engines import World


def until(what: Callable[[], object], *, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.05)


class OurEngine:
    """One namespace's engine with a short folder of its own."""

    def __init__(self, ns: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mnt-"))
        self.env = {
            **os.environ,
            "MINATO_NS": ns,
            "MINATO_VAR": str(self.folder / "var"),
            "MINATO_ENGINE_HOME": str(self.folder / "engine"),
        }
        self.config = Config.from_env(self.env)
        self.places = dockerd.Places.of(self.config)
        self.log = self.folder / "engine.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return self.log.read_text()

    def start(self) -> None:
        """Start it and wait for its word that it is ready."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.argv(), env=self.env, stdout=log, stderr=log, start_new_session=True)
        process = self.process
        until(lambda: "engine ready" in self.said or "engine adopted" in self.said or process.poll() is not None)
        assert process.poll() is None, self.said

    def argv(self, *more: str) -> list[str]:
        return [sys.executable, "-m", "launch.engine", *more]

    def signal(self, number: signal.Signals) -> int:
        """Send a signal to the wrapper and return its exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(40)

    def pids(self) -> list[int]:
        """Return containerd's and dockerd's pids, as far as they run."""
        argvs = (dockerd.containerd_argv(self.places), dockerd.dockerd_argv(self.places))
        return [held.pid for argv in argvs if (held := dockerd.find(argv))]

    def world(self) -> World:
        engine = SwarmEngine(self.config.engine_socket, self.config.ns)
        return World(engine=engine, image=tiny.image(self.places.socket), app=new_id("a"), config=self.config)

    def remove(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        done = subprocess.run(self.argv("--remove"), env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        shutil.rmtree(self.folder)


class PlainEngine:
    """An engine as a machine may have it: Docker's own bridge rules, isolation chains and published ports."""

    bridge = "plain0"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="plain-"))
        self.socket = self.folder / "docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        bridge = network.Bridge(name=self.bridge, gateway="172.29.255.1", subnet="172.29.255.0/24")
        network.ensure_bridge(bridge, mtu=1500)
        settings = {
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.folder / "exec"),
            "pidfile": str(self.folder / "pid"),
            "hosts": [f"unix://{self.socket}"],
            "bridge": self.bridge,
        }
        (self.folder / "daemon.json").write_text(json.dumps(settings))
        argv = ["dockerd", "--config-file", str(self.folder / "daemon.json")]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        until(lambda: self.answers())

    def answers(self) -> bool:
        try:
            return bool(self.api().ping())
        except docker.errors.DockerException:
            return False
        except OSError:
            return False

    def api(self) -> docker.APIClient:
        return docker.APIClient(base_url=f"unix://{self.socket}", version="1.41", timeout=30)

    def publish(self, command: tuple[str, ...], port: int) -> str:
        """Run a container with a published port; return its id."""
        api = self.api()
        made = api.create_container(
            tiny.image(self.socket),
            list(command),
            ports=[port],
            host_config=api.create_host_config(port_bindings={port: ("0.0.0.0", port)}),
        )
        api.start(made)
        return made["Id"]

    def remove(self) -> None:
        if not self.process:
            return
        for item in self.api().containers(all=True):
            self.api().remove_container(item["Id"], force=True)
        self.process.terminate()
        self.process.wait(30)
        network.remove_bridge(self.bridge)
        network.remove_rules("plain", (self.bridge,))
        mounts.unmount_below(self.folder)  # its data root, where the folder itself is a mount
        shutil.rmtree(self.folder)


def rules_of(bridge: str) -> list[str]:
    """Return every rule of the machine that names a bridge or a `DOCKER*` chain's own end, in order, with its chain."""
    found = []
    for table in ("filter", "nat"):
        for chain, rules in network.read_rules(table).items():
            if not chain.startswith("MNT-"):
                found += [f"{table} {chain} {rule}" for rule in rules if bridge in rule.split()]
    return found
