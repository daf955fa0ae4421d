"""Live events over a real socket: logs and a deploy's story, resumed, refused, and gone with their reader."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.accounts import tokens
from apps.accounts.models import Membership, Team, Token, User
from apps.applications.models import App
from apps.deploys.models import Deploy
from doors import sse
from doors.events import EventsDoor
from doors.mount import Doors
from minato.drivers.wiring import drivers
from minato.observe.lines import encode
from minato.values.log import Line

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
SSE = "text/event-stream"
START = datetime(2026, 11, 24, 8, tzinfo=UTC)


class Served:
    """Alice's shop behind a running door, bob as a stranger."""

    def __init__(self) -> None:
        outside = drivers(settings.MINATO)
        outside.streams.streams.clear()
        outside.streams._top.clear()
        outside.telemetry.clear()
        self.streams, self.telemetry = outside.streams, outside.telemetry
        self.harbour = Team.objects.create(name="harbour")
        self.alice = self.person("alice", self.harbour)
        self.bob = self.person("bob", Team.objects.create(name="strangers"))
        self.shop = App.objects.create(name="shop", team=self.harbour)
        self.deploy = Deploy.objects.create(app=self.shop, number=7, kind="push", deadline=timezone.now())
        self.door = EventsDoor()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        config = uvicorn.Config(Doors(django, [self.door]), port=self.port, log_level="warning", lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def person(self, name: str, team: Team) -> User:
        user = User.objects.create_user(name, password="correct horse battery")
        Membership.objects.create(team=team, user=user, role="admin")
        return user

    def secret(self, user: User, **more) -> str:
        return tokens.make(user=user, name="test", **{"scopes": ["read"], **more})[1]

    def get(self, path: str, secret: str = "", method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        known = {"Authorization": f"Bearer {secret}"} if secret else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, f"/api/v1/apps/{path}", headers={"Accept": SSE, **known, **named})
        return link.getresponse()

    def say(self, *numbers: int) -> None:
        self.streams.add(f"log:{self.shop.uid}", [("*", {"l": encode(self.line(n))}) for n in numbers])

    def line(self, number: int, **more) -> Line:
        at = START + timedelta(seconds=number)
        values = {"id": f"c:0:{number:03}", "at": at, "app": self.shop.uid, "source": "app", "process": "web.1"}
        return Line(**{**values, "text": f"line {number}", **more})


async def django(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"django"})


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.server.should_exit = True
    served.thread.join(10)


def events(answer: http.client.HTTPResponse, most: int) -> list[tuple[str, str, dict]]:
    """Read `most` events as (name, id, data)."""
    found: list[tuple[str, str, dict]] = []
    fields: dict[str, str] = {}
    while len(found) < most:
        row = answer.readline().decode().rstrip("\n")
        if row:
            name, _, value = row.partition(": ")
            fields[name] = value
        elif "data" in fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
            fields = {}
        elif answer.isclosed():
            break
    return found


def texts(found: list[tuple[str, str, dict]]) -> list[str]:
    return [data["text"] for _, _, data in found]


def test_stored_lines_come_first_then_the_live_ones_each_once(served):
    served.telemetry.write([served.line(1), served.line(2)])
    served.say(2, 3)
    answer = served.get("shop/logs", served.secret(served.alice))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert answer.headers["x-accel-buffering"] == "no"
    assert texts(events(answer, 3)) == ["line 1", "line 2", "line 3"]
    began = time.monotonic()
    served.say(4)
    ((name, id_, data),) = events(answer, 1)
    assert time.monotonic() - began < 0.3
    assert (name, data["text"], data["source"], data["at"]) == (
        "line",
        "line 4",
        "app",
        "2026-11-24T08:00:04.000000+00:00",
    )
    assert id_


def test_a_reader_that_comes_back_misses_nothing(served):
    secret = served.secret(served.alice)
    served.say(1, 2, 3)
    found = events(served.get("shop/logs", secret), 3)
    assert texts(events(served.get("shop/logs", secret, Last_Event_ID=found[0][1]), 2)) == ["line 2", "line 3"]


def test_what_the_stream_forgot_comes_from_the_store(served):
    secret = served.secret(served.alice)
    now = datetime.now(UTC)
    served.telemetry.write([served.line(n, at=now - timedelta(seconds=60 - n)) for n in (1, 2, 3)])
    served.say(4)
    long_ago = f"{int((now.timestamp() - 90) * 1000)}-0"
    found = events(served.get("shop/logs", secret, Last_Event_ID=long_ago), 4)
    assert texts(found) == ["line 1", "line 2", "line 3", "line 4"]


def test_a_gap_is_said(served):
    served.say(4)
    found = events(served.get("shop/logs", served.secret(served.alice), Last_Event_ID="1000-0"), 2)
    assert [name for name, _, _ in found] == ["gap", "line"]


def test_only_what_was_asked_for(served):
    served.telemetry.write([served.line(1, source="minato", process="router"), served.line(2, text="Order 66")])
    answer = served.get("shop/logs?source=app&q=order&lines=5", served.secret(served.alice))
    assert texts(events(answer, 1)) == ["Order 66"]
    served.say(3)
    served.streams.add(f"log:{served.shop.uid}", [("*", {"l": encode(served.line(4, text="an order more"))})])
    assert texts(events(answer, 1)) == ["an order more"]


def test_the_other_form_is_django_s(served):
    assert served.get("shop/logs", Accept="application/json").status == 299


def test_a_deploy_is_told_to_its_end(served):
    served.streams.add(f"deploy:{served.deploy.uid}", [("1-1", {"k": "head", "t": "Receiving"})])
    secret = served.secret(served.alice)
    answer = served.get("shop/deploys/7/events", secret)
    assert events(answer, 1) == [("head", "1-1", {"k": "head", "t": "Receiving"})]
    served.streams.add(f"deploy:{served.deploy.uid}", [("1-2", {"k": "end", "t": "live", "code": "", "message": ""})])
    assert [name for name, _, _ in events(answer, 2)] == ["end"]
    assert answer.read() == b""
    again = served.get("shop/deploys/7/events", secret, Last_Event_ID="1-1")
    assert events(again, 1)[0][:2] == ("end", "1-2")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "theirs, nobodys", [("shop/logs", "nosuch/logs"), ("shop/deploys/7/events", "nosuch/deploys/7/events")]
)
def test_a_stranger_gets_what_nobody_gets(served, method, theirs, nobodys):
    secret = served.secret(served.bob)
    answers = [served.get(path, secret, method, X_Request_ID="abc") for path in (theirs, nobodys)]
    bodies = {(answer.status, answer.read()) for answer in answers}
    assert len(bodies) == 1
    assert bodies.pop()[0] == 404


@pytest.mark.parametrize("secret", ["", "mnt_pat_wrong"])
def test_the_unknown_get_401(served, secret):
    answer = served.get("shop/logs", secret)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="minato"')
    assert json.loads(answer.read())["code"] == "api:user:unauthenticated"


def test_a_token_without_the_scope_may_not(served):
    assert served.get("shop/logs", served.secret(served.alice, scopes=["deploy"])).status == 403


def test_other_methods_are_refused(served):
    answer = served.get("shop/logs", served.secret(served.alice), "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


def test_a_page_s_session_is_enough(served):
    client = Client()
    client.force_login(served.alice)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    served.say(1)
    assert texts(events(served.get("shop/logs", Cookie=cookie), 1)) == ["line 1"]
    client.logout()
    assert served.get("shop/logs", Cookie=cookie).status == 401
    assert served.get("shop/logs", Cookie=f'{settings.SESSION_COOKIE_NAME}="; broken').status == 401


def test_nothing_is_left_of_a_reader_that_goes(served):
    answers = [served.get("shop/logs", served.secret(served.alice)) for _ in range(5)]
    for _ in range(100):
        if served.door.open == 5:
            break
        time.sleep(0.02)
    assert served.door.open == 5
    for answer in answers:
        answer.fp.raw._sock.shutdown(socket.SHUT_RDWR)
    for _ in range(200):
        if served.door.open == 0:
            break
        time.sleep(0.02)
    assert served.door.open == 0
    from doors import hub

    assert [found.watched for found in hub._hubs.values() if found.watched] == []


def test_a_quiet_stream_beats(served, monkeypatch):
    monkeypatch.setattr(sse, "HEARTBEAT", 0.1)
    answer = served.get("shop/logs", served.secret(served.alice))
    assert answer.readline() == b"retry: 1000\n"
    answer.readline()
    assert answer.readline() == b":\n"


def test_a_revoked_token_ends_its_streams(served, monkeypatch):
    monkeypatch.setattr(sse, "ALLOWED_FOR", 0.2)
    answer = served.get("shop/logs", served.secret(served.alice))
    Token.objects.update(revoked_at=timezone.now())
    answer.read()
    assert answer.isclosed()


def test_a_fast_writer_does_not_lose_a_slow_reader_its_place(served):
    answer = served.get("shop/logs", served.secret(served.alice))
    served.say(0)
    assert texts(events(answer, 1)) == ["line 0"]
    for start in range(1, 5001, 50):
        served.say(*range(start, start + 50))
    assert texts(events(answer, 5000)) == [f"line {n}" for n in range(1, 5001)]


def test_one_person_s_streams_leave_room_for_the_others(served, monkeypatch):
    monkeypatch.setattr("doors.events.OF_ONE", 2)
    alice, dan = served.secret(served.alice), served.secret(served.person("dan", served.harbour))
    held = [served.get("shop/logs", alice) for _ in range(2)]
    assert [answer.status for answer in held] == [200, 200]
    refused = served.get("shop/logs", alice)
    assert (refused.status, json.loads(refused.read())["code"]) == (503, "events:platform:busy")
    assert served.get("shop/logs", dan).status == 200
