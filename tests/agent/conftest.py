"""An agent with a real HAProxy in front, an engine of this test's own and a control plane in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from agent.main import Agent
from minato.drivers.nodes.fake import FakeNodes
from minato.drivers.router.haproxy import HaproxyRouter
from minato.values.router import Observed, RouterState
from tests.fixtures.harbour_front import Dock, Front, TinyApp, eventually, free_port


@dataclass
class Stage:
    """Everything a test of the agent moves."""

    front: Front
    dock: Dock = field(default_factory=Dock)
    nodes: FakeNodes = field(default_factory=lambda: FakeNodes(hold=0.5))
    apps: list[TinyApp] = field(default_factory=list)
    agent: Agent | None = None
    thread: threading.Thread | None = None

    def start_agent(self) -> Agent:
        drivers = SimpleNamespace(
            nodes=self.nodes, engine=self.dock, router=HaproxyRouter(self.front.config.router_socket)
        )
        self.agent = Agent(self.front.config, drivers)  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self.agent.run, daemon=True)
        self.thread.start()
        return self.agent

    def stop_agent(self) -> None:
        if self.agent and self.thread:
            self.agent.stop()
            self.thread.join(10)

    def app(self, name: str, address: str, port: int = 0, *, status: int = 200) -> TinyApp:
        app = TinyApp(name, address, port or free_port(address), status=status)
        self.apps.append(app)
        return app

    @property
    def newest(self) -> Observed:
        return self.nodes.reports[-1] if self.nodes.reports else Observed(node="n1", generation=-1)

    def want(self, state: RouterState) -> float:
        """Ask for a state; return the seconds until it was reported as applied."""
        self.nodes.want(state)
        return eventually(lambda: self.newest.generation == state.generation, every=0.001)

    def wait(self, check: Callable[[Observed], object], *, within: float = 5.0) -> float:
        return eventually(lambda: check(self.newest), within=within, every=0.005)


@pytest.fixture
def stage() -> Iterator[Stage]:
    front = Front()
    front.start()
    stage = Stage(front)
    stage.start_agent()
    yield stage
    stage.stop_agent()
    for app in stage.apps:
        app.crash()
    front.close()
