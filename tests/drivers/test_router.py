"""The same promises of the fake router and of a real HAProxy, which the test starts itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minato.drivers.router import Router
from minato.drivers.router.fake import FakeRouter
from minato.drivers.router.haproxy import HaproxyRouter
from minato.errors import PlatformError
from minato.route import plan, stats
from minato.values.config import Config
from tests.fixtures.harbour_front import Front


@pytest.fixture(params=["fake", "haproxy"])
def router(request: pytest.FixtureRequest) -> Iterator[Router]:
    if request.param == "fake":
        yield FakeRouter()
        return
    front = Front()
    front.start()
    yield HaproxyRouter(front.config.router_socket)
    front.close()


def test_who_answers_is_known_by_its_process(router: Router):
    who, uptime = stats.read_info(router.command("show info"))
    assert who
    assert uptime >= 0


def test_a_map_is_changed_and_read_back(router: Router):
    router.commands(
        ["add map hosts.map shop.apps.localhost slot0001", "set map hosts.map shop.apps.localhost slot0002"]
    )
    assert stats.read_map(router.command("show map hosts.map")) == {"shop.apps.localhost": "slot0002"}
    router.command("del map hosts.map shop.apps.localhost")
    assert stats.read_map(router.command("show map hosts.map")) == {}


def test_a_server_comes_and_goes(router: Router):
    router.commands(plan.add("slot0001", "web.1.abc", "127.0.0.9:9"))
    seen = stats.read_stats([router.command("show stat slot0001 6 -1")])
    assert [(server.name, server.address) for server in seen.servers] == [("web.1.abc", "127.0.0.9:9")]
    assert seen.counts["slot0001"].requests == 0
    router.commands(plan.remove("slot0001", "web.1.abc"))
    assert stats.read_stats([router.command("show stat slot0001 6 -1")]).servers == ()


def test_all_servers_are_listed_at_once(router: Router):
    router.commands(
        plan.add("slot0001", "web.1.abc", "127.0.0.9:9") + plan.add("slot0002p", "web.1.def", "127.0.0.9:9")
    )
    seen = stats.read_stats([router.command("show stat -1 4 -1")])
    assert [(server.backend, server.slot) for server in seen.servers] == [("slot0001", 1), ("slot0002p", 2)]
    assert seen.counts == {}


def test_a_server_that_takes_requests_is_not_deleted(router: Router):
    router.commands(plan.add("slot0001", "web.1.abc", "127.0.0.9:9"))
    with pytest.raises(PlatformError) as refused:
        router.command("del server slot0001/web.1.abc")
    assert refused.value.code == "router:platform:refused"


def test_the_first_refusal_ends_a_batch(router: Router):
    with pytest.raises(PlatformError) as refused:
        router.commands(["del map hosts.map nobody.apps.localhost", "add map hosts.map late.apps.localhost slot0001"])
    assert refused.value.code == "router:platform:refused"
    assert stats.read_map(router.command("show map hosts.map")) == {}


def test_a_command_that_nobody_knows_is_refused(router: Router):
    with pytest.raises(PlatformError):
        router.command("make tea")


def test_a_router_that_is_not_there_is_away(config: Config):
    with pytest.raises(PlatformError) as away:
        HaproxyRouter(config.router_socket).command("show info")
    assert away.value.code == "router:platform:away"


def test_an_answer_of_many_packets_is_read_to_its_end(router: Router):
    lines = [f"add map hosts.map host-{number}.apps.localhost slot0001" for number in range(3000)]
    router.commands(lines)
    assert len(stats.read_map(router.command("show map hosts.map"))) == 3000
