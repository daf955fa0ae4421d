"""Stored log lines by API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts import tokens
from minato.drivers.wiring import drivers
from minato.values.log import Line

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 24, 8, tzinfo=UTC)
PATH = "/api/v1/apps/shop/logs"


@pytest.fixture
def store():
    telemetry = drivers(settings.MINATO).telemetry
    telemetry.clear()
    yield telemetry
    telemetry.clear()


def line(app, number: int, **more) -> Line:
    at = START + timedelta(seconds=number)
    values = {"id": f"c:0:{number:03}", "at": at, "app": app.uid, "source": "app", "process": "web.1"}
    return Line(**{**values, "text": f"line {number}", **more})


def texts(answer) -> list[str]:
    return [one["text"] for one in answer.json()["items"]]


def test_the_newest_lines_in_order_of_time(store, shop, as_alice):
    store.write([line(shop, n) for n in (3, 1, 2)])
    assert texts(as_alice.get(PATH)) == ["line 1", "line 2", "line 3"]
    assert texts(as_alice.get(f"{PATH}?limit=2")) == ["line 2", "line 3"]
    assert as_alice.get(PATH).json()["items"][0]["at"] == "2026-11-24T08:00:01.000000+00:00"


@pytest.mark.parametrize(
    "query, found",
    [
        ("source=minato", [2]),
        ("process=web", [1, 3]),
        ("process=web.1", [1]),
        ("level=error", [3]),
        ("q=ORDER", [3]),
        ("since=2026-11-24T08:00:02Z", [2, 3]),
        ("before=2026-11-24T08:00:02%2B00:00", [1]),
        ("since=2h", []),
        ("build=b_one", [4]),
    ],
)
def test_lines_are_found_by(store, shop, as_alice, query, found):
    router = {"source": "minato", "process": "router"}
    of_build = line(shop, 4, source="build", build="b_one")
    store.write(
        [
            line(shop, 1),
            line(shop, 2, **router),
            line(shop, 3, text="no order", process="web.2", level="error"),
            of_build,
        ]
    )
    got = as_alice.get(f"{PATH}?{query}")
    assert [int(one["id"][-3:]) for one in got.json()["items"]] == found


NO_CALENDAR = ("since=999999d", "since=0001-01-01T00:00:00%2B14:00", "before=9999-12-31T23:59:59-14:00")
TOO_MANY = ("limit=0", "limit=1001", "limit=x", "limit=00000000199999999", f"limit={'9' * 5000}")


@pytest.mark.parametrize("query", [*TOO_MANY, "since=yesterday", "before=2026-11-24", *NO_CALENDAR])
def test_what_makes_no_sense_is_refused(store, shop, as_alice, query):
    assert as_alice.get(f"{PATH}?{query}").status_code == 400


def test_lines_as_text_read_as_heroku_s(store, shop, alice):
    store.write([line(shop, 1, text="hello 港")])
    secret = tokens.make(user=alice, name="t", scopes=["read"])[1]
    answer = Client().get(PATH, headers={"Authorization": f"Bearer {secret}", "Accept": "text/plain"})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == "2026-11-24T08:00:01.000000+00:00 app[web.1]: hello 港\n"


def test_a_build_is_named_by_its_number(store, live_shop, as_alice):
    build = live_shop.builds.get(number=1)
    store.write([line(live_shop, 1, build=build.uid, source="build", text="Collecting flask")])
    assert texts(as_alice.get(f"{PATH}?build=1")) == ["Collecting flask"]
    assert as_alice.get(f"{PATH}?build=2").status_code == 404


def test_a_store_that_is_away_is_said(store, shop, as_alice):
    store.down = True
    answer = as_alice.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "telemetry:platform:away")


def test_a_stranger_gets_what_nobody_gets(store, shop, as_bob):
    theirs, nobodys = as_bob.get(PATH), as_bob.get("/api/v1/apps/nosuch/logs")
    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**nobodys.json(), "request_id": ""}


def test_a_token_needs_the_scope(store, shop, alice, token_of):
    assert token_of(alice, scopes=["deploy"]).get(PATH).status_code == 403
