"""An agent at the door: its own node, nobody else's, held until there is news."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time

import httpx
import orjson
import pytest
import uvicorn
from django.conf import settings

from apps.instances.models import Node
from apps.routes.models import RouterGeneration
from doors.agents import LONGEST, AgentsDoor
from doors.mount import Doors
from minato.drivers.nodes.http import HttpNodes
from minato.drivers.wiring import drivers
from minato.errors import PlatformError
from minato.values.router import Observed, RouterState, ServerSeen, SlotCounts, SlotState
from tests.fixtures.harbour_front import eventually, free_port

pytestmark = pytest.mark.django_db(transaction=True)
SLOT = SlotState(number=1, app="a_shopshopsh", app_name="shop", deploy=1, release="v1", service="s", port=20001)


def generation(number: int) -> RouterState:
    state = RouterState(generation=number, hosts={"shop.apps.localhost": 1}, slots=(SLOT,))
    RouterGeneration.objects.create(number=number, state=state.to_json(), reason="a test")
    return state


@pytest.fixture
def nodes():
    for name in ("n1", "n2"):
        Node.objects.create(name=name, token_sha256=hashlib.sha256(f"token-{name}".encode()).hexdigest())


@pytest.fixture
def served(nodes):
    yield from serve(AgentsDoor(hold=1.5, wait=asyncio.sleep))


@pytest.fixture
def nudged(nodes):
    """The door as it is, with its own way to wait."""
    yield from serve(AgentsDoor(hold=5))


def serve(door: AgentsDoor):
    async def django(scope, receive, send):
        raise AssertionError("not for Django")

    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(Doors(django, [door]), host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def agent(served, tmp_path):
    (tmp_path / "node-n1").write_text("token-n1\n")
    return HttpNodes(served, node="n1", token=tmp_path / "node-n1")


def ask(served: str, path: str, *, token: str = "token-n1", method: str = "GET", body: bytes | None = None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.request(method, f"{served}/internal/v1/nodes{path}", headers=headers, content=body, timeout=10)


def report(**more) -> Observed:
    return Observed(node="n1", generation=1, **more)


def test_the_newest_state_is_there_at_once(agent):
    generation(1)
    state = generation(2)
    began = time.monotonic()
    assert agent.desired(after=0) == state
    assert time.monotonic() - began < 0.5


def test_a_question_is_held_until_there_is_news(agent):
    generation(1)
    threading.Timer(0.4, lambda: generation(2)).start()
    began = time.monotonic()
    state = agent.desired(after=1)
    assert state is not None
    assert state.generation == 2
    assert 0.3 < time.monotonic() - began < 1.4


def test_a_nudge_ends_the_wait_at_once(nudged, tmp_path):
    (tmp_path / "token").write_text("token-n1")
    agent = HttpNodes(nudged, node="n1", token=tmp_path / "token")
    generation(1)
    moved: list[float] = []

    def move() -> None:
        generation(2)
        drivers(settings.MINATO).streams.nudge("node")
        moved.append(time.monotonic())

    threading.Timer(0.65, move).start()
    state = agent.desired(after=1)
    took = time.monotonic() - moved[0]
    assert state is not None
    assert state.generation == 2
    assert took < 0.25
    print(f"nudge to answer: {took * 1000:.0f} ms")


def test_without_news_the_answer_is_none(agent):
    generation(1)
    assert agent.desired(after=1) is None


def test_a_report_is_recorded(agent):
    server = ServerSeen(slot=1, container="c" * 64, address="10.1.1.1", check="L7OK", ready=True)
    counts = SlotCounts(slot=1, requests=5, failed=0, errors_5xx=0, sessions=1)
    agent.observe(report(servers=(server,), counts=(counts,), engine=True))
    row = Node.objects.get(name="n1")
    assert (row.generation, row.engine) == (1, True)
    assert row.observed_at is not None
    assert Node.objects.get(name="n2").observed_at is None


def test_a_report_survives_the_wire_unchanged():
    server = ServerSeen(slot=1, container="c", address="10.1.1.1", check="L7OK", ready=True, last_check="ok")
    counts = SlotCounts(slot=1, requests=5, failed=1, errors_5xx=2, sessions=3)
    whole = report(instances=({"container": "c", "labels": {}},), servers=(server,), counts=(counts,))
    assert Observed.from_json(orjson.loads(orjson.dumps(whole.to_json()))) == whole


@pytest.mark.parametrize("token", ["", "wrong", "token-n1x"])
def test_without_a_nodes_token_nobody_comes_in(served, token):
    assert ask(served, "/n1/desired", token=token).status_code == 401
    assert ask(served, "/n9/desired", token=token).status_code == 401
    assert ask(served, "/n1/observed", token=token, method="PUT", body=b"{}").status_code == 401


def test_another_nodes_name_is_answered_like_one_that_never_existed(served):
    theirs, nobodys = ask(served, "/n2/desired"), ask(served, "/n9/desired")
    assert theirs.status_code == nobodys.status_code == 404
    same = [{**answer.json(), "request_id": ""} for answer in (theirs, nobodys)]
    assert same[0] == same[1]
    assert ask(served, "/n2/observed", method="PUT", body=b"{}").status_code == 404


def test_other_methods_and_paths_are_refused(served):
    assert ask(served, "/n1/desired", method="POST").status_code == 405
    assert ask(served, "/n1/observed").status_code == 405
    assert ask(served, "/n1/else").status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b"{}", b'{"node": "n1", "generation": "x"}'])
def test_what_is_no_report_is_refused(served, body):
    assert ask(served, "/n1/observed", method="PUT", body=body).status_code == 400


def test_one_node_cannot_report_for_another(served):
    body = orjson.dumps({**report().to_json(), "node": "n2"})
    assert ask(served, "/n1/observed", method="PUT", body=body).status_code == 400


def test_a_report_over_a_mebibyte_is_refused(served):
    assert ask(served, "/n1/observed", method="PUT", body=b"x" * (LONGEST + 1)).status_code == 413


def test_a_strange_generation_is_refused(served):
    assert ask(served, "/n1/desired?after=-1").status_code == 400
    assert ask(served, "/n1/desired?after=x").status_code == 400


def test_an_agent_that_leaves_is_not_held(nodes):
    generation(1)

    async def leave():
        sent = []
        door = AgentsDoor(hold=20, wait=asyncio.sleep)

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/internal/v1/nodes/n1/desired",
            "query_string": b"after=1",
            "headers": [(b"authorization", b"Bearer token-n1")],
        }
        await asyncio.wait_for(door(scope, receive, send), 2)
        return sent

    assert asyncio.run(leave())[0]["status"] == 204


def test_a_missing_token_file_is_a_control_plane_that_is_away(served, tmp_path):
    with pytest.raises(PlatformError) as away:
        HttpNodes(served, node="n1", token=tmp_path / "later").desired(after=0)
    assert away.value.code == "nodes:platform:away"


def test_nobody_listening_is_away(tmp_path):
    (tmp_path / "token").write_text("x")
    with pytest.raises(PlatformError) as away:
        HttpNodes(f"http://127.0.0.1:{free_port()}", node="n1", token=tmp_path / "token").observe(report())
    assert away.value.code == "nodes:platform:away"
