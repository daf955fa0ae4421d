"""Every URL as everybody: strangers learn nothing, nobody without a sign-in gets anywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from apps.access.viewer import SCOPES
from apps.accounts import tokens
from apps.accounts.viewers import viewer_of
from tests.apps.access.routes import OBJECT, OPEN, PARAMETER, SIGNED_IN, all_routes, fill

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CSRF = re.compile(rb'(csrf[-\w]*"(?: content| value)=|"X-CSRFToken":\s*)"\w{64}"', re.IGNORECASE)
NEVER = {
    "app": "ghost",
    "team": "ghosts",
    "user": "u_aaaaaaaaaa",
    "token": "k_aaaaaaaaaa",
    "host": "ghost.example.com",
    "number": "1",
    "act": "restart",
}


@pytest.fixture
def alices(live_shop, alice, harbour):
    """What is alice's, by the names that routes use."""
    from apps.applications.models import Domain

    token, _secret = tokens.make(user=alice, name="laptop", scopes=["read"])
    Domain.objects.create(app=live_shop, host="shop.example.com")
    return {
        **NEVER,
        "app": "shop",
        "team": "harbour",
        "user": alice.uid,
        "token": token.uid,
        "host": "shop.example.com",
    }


def by_id(names: dict[str, str], app: Any, team: Any) -> dict[str, str]:
    return {**names, "app": app.uid, "team": team.uid}


def as_page(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def as_token(user) -> Client:
    secret = tokens.make(user=user, name="walk", scopes=SCOPES)[1]
    return Client(headers={"Authorization": f"Bearer {secret}"})


def ask(client: Client, method: str, path: str) -> Any:
    content = b"{}" if path.startswith("/api/") else b""
    kind = "application/json" if content else "application/x-www-form-urlencoded"
    return client.generic(method, path, content, content_type=kind, headers={"X-Request-ID": "the-same"})


def seen(answer: Any) -> tuple[int, dict[str, str], bytes]:
    """Return all that a client sees; a CSRF token is a new random mask each time and says nothing."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer.status_code, dict(answer.headers), CSRF.sub(rb'\1"-"', body)


def test_every_route_has_a_rule():
    assert all_routes() == OPEN | SIGNED_IN | OBJECT
    assert {route for route in OBJECT if not PARAMETER.search(route)} == set()


API = {route for route in OBJECT if route.startswith("api/")}


@pytest.mark.parametrize(("way", "routes"), [(as_page, OBJECT), (as_token, API)])
def test_a_stranger_gets_what_a_name_that_never_was_gets(alices, bob, live_shop, harbour, way, routes):
    client = way(bob)
    told = []
    for route in sorted(routes):
        for foreign in (alices, by_id(alices, live_shop, harbour)):
            for method in METHODS:
                answer = ask(client, method, fill(route, foreign))
                if seen(answer) != seen(ask(client, method, fill(route, NEVER))):
                    told.append(f"{method} {fill(route, foreign)}: {answer.status_code}")
                assert answer.status_code in (404, 405) or method == "OPTIONS", (
                    f"{method} {route}: {answer.status_code}"
                )
    assert told == []


def test_nothing_of_alices_is_reached_through_what_is_bobs(alices, bob, harbour):
    from apps.accounts.models import Team
    from apps.applications.actions import create_app

    team = Team.objects.get(name="strangers")
    create_app(name="blog-of-bob", team=team, viewer=viewer_of(bob, via="api"))
    client = as_page(bob)
    for route in sorted(route for route in OBJECT if len(PARAMETER.findall(route)) > 1):
        mixed = {**alices, "app": "blog-of-bob", "team": "strangers"}
        never = {**NEVER, "app": "blog-of-bob", "team": "strangers", "number": "7"}
        for method in METHODS:
            answers = [seen(ask(client, method, fill(route, names))) for names in (mixed, never)]
            assert answers[0] == answers[1], f"{method} {route}"


def test_nobody_gets_anywhere_without_a_sign_in(alices):
    client = Client()
    for route in sorted(OBJECT | SIGNED_IN):
        path = "/api/v1/nothing" if route.startswith("^") else fill(route, alices)
        for method in METHODS:
            answer = ask(client, method, path)
            where = answer.headers.get("Location", "")
            signed_out = answer.status_code == 401 or (answer.status_code == 302 and where.startswith("/login"))
            assert signed_out, f"{method} {path}: {answer.status_code} {where}"


def test_a_token_opens_no_page(alices, alice):
    client = as_token(alice)
    for route in sorted(route for route in OBJECT | SIGNED_IN if not route.startswith(("api/", "^api"))):
        answer = ask(client, "GET", fill(route, alices))
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/login"), route


@pytest.mark.parametrize("who", ["alice", "carol"])
def test_who_may_gets_an_answer(alices, request, who):
    """The tables mean something: what a stranger does not find is there."""
    user = request.getfixturevalue(who)
    for route in sorted(OBJECT):
        if who == "carol" and "<str:token>" in route:
            continue  # tokens are one's own, also for an operator
        client = as_token(user) if route.startswith("api/") else as_page(user)
        found = set()
        for method in ("GET", "POST", "PATCH", "DELETE"):
            with transaction.atomic():
                found.add(ask(client, method, fill(route, alices)).status_code)
                transaction.set_rollback(True)
        assert found - {404, 405}, f"{route}: {found}"
        assert not {status for status in found if status >= 500}, f"{route}: {found}"
