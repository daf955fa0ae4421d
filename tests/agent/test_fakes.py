"""The same agent with nothing but fakes outside, one step at a time."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from agent.main import Agent
from minato.drivers.engine.fake import FakeEngine
from minato.drivers.nodes.fake import FakeNodes
from minato.drivers.router.fake import FakeRouter
from minato.values.engine import Limits, Workload
from tests.fixtures.harbour_front import HOST, slot, state

SERVICE = "lc-a_shopshopsh-p_webwebwebw-d1"
LABELS = {"minato.app": "a_shopshopsh", "minato.deploy": "1", "minato.process": "web", "minato.release": "v1"}
WEB = Workload(
    name=SERVICE,
    image="127.0.0.1:1/apps/a@sha256:0",
    command=("/cnb/process/web",),
    env={},
    labels=LABELS,
    replicas=2,
    limits=Limits(memory=1 << 28, cpu=0.5),
)


@pytest.fixture
def outside(config):
    return SimpleNamespace(engine=FakeEngine("lc"), router=FakeRouter(), nodes=FakeNodes(hold=0))


@pytest.fixture
def agent(config, outside, tmp_path):
    return Agent(dataclasses.replace(config, ns="lc", var=tmp_path), outside)


def move(agent: Agent) -> None:
    agent.desired.ask()
    agent.watch.look()
    agent.step()
    agent.reports.send(agent.reports._newest)


def test_replicas_become_servers_and_are_reported(agent, outside):
    outside.engine.ensure(WEB)
    outside.nodes.want(state(1, 1, slot(1, 20001, service=SERVICE)))
    move(agent)
    report = outside.nodes.reports[-1]
    assert (report.generation, report.engine, len(report.instances)) == (1, True, 2)
    assert [(seen.slot, seen.ready) for seen in report.servers] == [(1, True), (1, True)]
    assert {seen.container for seen in report.servers} == {row["container"] for row in report.instances}
    assert outside.router.maps["hosts.map"] == {HOST: "slot0001"}
    assert sorted(name.split(".")[1] for name in outside.router.servers["slot0001"]) == ["1", "2"]


def test_a_step_that_changes_nothing_says_nothing_to_the_router(agent, outside):
    outside.engine.ensure(WEB)
    outside.nodes.want(state(1, 1, slot(1, 20001, service=SERVICE)))
    move(agent)
    outside.router.heard.clear()
    move(agent)
    assert {line.split()[0] for line in outside.router.heard} == {"show"}


def test_a_server_left_half_made_is_made_anew(agent, outside):
    outside.engine.ensure(WEB)
    outside.nodes.want(state(1, 1, slot(1, 20001, service=SERVICE)))
    move(agent)
    name = next(iter(outside.router.servers["slot0001"]))
    outside.router.servers["slot0001"][name].enabled = False
    move(agent)
    assert outside.router.servers["slot0001"][name].enabled


def test_a_router_that_is_away_acknowledges_nothing_and_is_filled_when_it_is_back(agent, outside):
    outside.engine.ensure(WEB)
    outside.router.away = True
    outside.nodes.want(state(1, 1, slot(1, 20001, service=SERVICE)))
    move(agent)
    assert outside.nodes.reports[-1].generation == 0
    outside.router.away = False
    move(agent)
    outside.router.restart()
    move(agent)
    assert outside.nodes.reports[-1].generation == 1
    assert len(outside.router.servers["slot0001"]) == 2


def test_a_host_in_the_router_that_nobody_wants_goes_when_the_agent_starts(agent, outside):
    outside.router.maps["hosts.map"] = {"old.apps.localhost": "slot0007"}
    outside.nodes.want(state(1, None))
    move(agent)
    assert outside.router.maps["hosts.map"] == {}


def test_release_phases_and_platform_containers_are_no_instances(agent, outside):
    outside.engine.ensure(dataclasses.replace(WEB, name="lc-x", labels={"minato.app": "a_shopshopsh"}))
    move(agent)
    assert outside.nodes.reports[-1].instances == ()


def test_an_engine_that_is_away_is_said_and_changes_nothing(agent, outside):
    outside.engine.ensure(WEB)
    outside.nodes.want(state(1, 1, slot(1, 20001, service=SERVICE)))
    move(agent)
    outside.engine.go_away()
    move(agent)
    report = outside.nodes.reports[-1]
    assert not report.engine
    assert len(report.servers) == 2
