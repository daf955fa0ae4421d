"""Which driver stands behind each port: chosen once per process, by Config."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minato.values.config import Config

if TYPE_CHECKING:
    from minato.drivers.blobs import Blobs
    from minato.drivers.clock import Clock
    from minato.drivers.engine import Engine
    from minato.drivers.git import Git
    from minato.drivers.nodes import Nodes
    from minato.drivers.registry import Registry
    from minato.drivers.router import Router
    from minato.drivers.seal import Seal
    from minato.drivers.streams import Streams
    from minato.drivers.telemetry import Telemetry


@dataclass(frozen=True)
class Drivers:
    """Each port is opened at its first use: a process touches only what it needs."""

    config: Config

    @functools.cached_property
    def engine(self) -> Engine:
        if "engine" in self.config.fakes:
            from minato.drivers.engine.fake import FakeEngine

            return FakeEngine()
        from minato.drivers.engine.swarm import SwarmEngine

        return SwarmEngine(self.config.engine_socket, self.config.ns)

    @functools.cached_property
    def registry(self) -> Registry:
        if "registry" in self.config.fakes:
            from minato.drivers.registry.fake import FakeRegistry

            return FakeRegistry()
        from minato.drivers.registry.oci import OciRegistry
        from minato.drivers.registry.storage import RegistryStorage

        return OciRegistry(self.config.registry, RegistryStorage(self.config.registry_storage))

    @functools.cached_property
    def router(self) -> Router:
        if "router" in self.config.fakes:
            from minato.drivers.router.fake import FakeRouter

            return FakeRouter()
        from minato.drivers.router.haproxy import HaproxyRouter

        return HaproxyRouter(self.config.router_socket)

    @functools.cached_property
    def nodes(self) -> Nodes:
        if "nodes" in self.config.fakes:
            from minato.drivers.nodes.fake import FakeNodes

            return FakeNodes()
        from minato.drivers.nodes.http import HttpNodes

        return HttpNodes(
            self.config.internal_url, node=self.config.node, token=self.config.keys / f"node-{self.config.node}"
        )

    @functools.cached_property
    def git(self) -> Git:
        from minato.drivers.git.cli import GitCli

        return GitCli()

    @functools.cached_property
    def blobs(self) -> Blobs:
        from minato.drivers.blobs.files import FileBlobs

        return FileBlobs(self.config.blobs)

    @functools.cached_property
    def seal(self) -> Seal:
        from minato.drivers.seal.aesgcm import AesGcmSeal

        return AesGcmSeal(self.config.keys)

    @functools.cached_property
    def telemetry(self) -> Telemetry:
        if "telemetry" in self.config.fakes:
            from minato.drivers.telemetry.fake import FakeTelemetry

            return FakeTelemetry()
        from minato.drivers.telemetry.clickhouse import ClickHouseTelemetry

        return ClickHouseTelemetry(self.config.telemetry_url, self.config.keys)

    @functools.cached_property
    def streams(self) -> Streams:
        if "streams" in self.config.fakes:
            from minato.drivers.streams.fake import FakeStreams

            return FakeStreams()
        from minato.drivers.streams.redis import RedisStreams

        return RedisStreams(self.config.streams_url)

    @functools.cached_property
    def clock(self) -> Clock:
        from minato.drivers.clock import RealClock

        return RealClock()


@functools.lru_cache(maxsize=4)
def drivers(config: Config) -> Drivers:
    """Return this process's drivers; the same object for the same Config."""
    return Drivers(config)
