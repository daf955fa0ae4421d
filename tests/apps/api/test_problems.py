"""Errors: problem JSON everywhere below /api, and nothing that helps a stranger."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


def test_nobody_gets_401_and_is_told_how(anonymous, shop):
    for path in ("/api/v1/apps", "/api/v1/apps/shop", "/api/v1/me", "/api/v1/nothing"):
        refused = anonymous.get(path)
        assert refused.status_code == 401, path
        assert refused["WWW-Authenticate"].startswith("Bearer")
        assert refused["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("value", ["Bearer mnt_pat_x", "Bearer ", "bearer x y", "Bearer \xff"])
def test_an_unknown_token_is_401(anonymous, value):
    refused = anonymous.get("/api/v1/me", Authorization=value)
    assert refused.status_code == 401 and refused.json()["code"] == "api:user:unauthenticated"


def test_a_token_in_the_address_is_not_looked_at(anonymous, alice):
    from apps.accounts import tokens

    secret = tokens.make(user=alice, name="x", scopes=["read"])[1]
    assert anonymous.get(f"/api/v1/me?token={secret}&access_token={secret}").status_code == 401


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/apps", "/api/v1/apps/", "/api/v1/x/y"]
)
def test_an_unknown_path_is_a_problem_and_not_a_page(as_alice, path):
    missing = as_alice.get(path)
    assert missing.status_code == 404 and missing["Content-Type"] == "application/problem+json"
    assert missing.json()["code"] == "api:user:not-found"


def test_a_problem_has_a_code_a_hint_and_the_request_id(as_alice):
    missing = as_alice.get("/api/v1/apps/ghost", X_Request_ID="abc-1")
    assert missing["X-Request-ID"] == "abc-1"
    assert missing.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing here.",
        "code": "api:user:not-found",
        "hint": "Or it is not yours to see.",
        "request_id": "abc-1",
    }
    odd = as_alice.get("/api/v1/me", X_Request_ID="a b\tc")
    assert odd["X-Request-ID"] != "a b\tc" and len(odd["X-Request-ID"]) == 32


def test_foreign_and_never_was_are_the_same_bytes(as_bob, shop):
    for path in ("", "/config", "/deploys", "/builds/1", "/domains"):
        foreign = as_bob.get(f"/api/v1/apps/shop{path}", X_Request_ID="same")
        never = as_bob.get(f"/api/v1/apps/ghost{path}", X_Request_ID="same")
        assert foreign.content == never.content and foreign.status_code == never.status_code == 404
        assert dict(foreign.headers) == dict(never.headers)


def test_a_wrong_method_is_405(as_alice, shop):
    refused = as_alice("PUT", "/api/v1/apps/shop", {})
    assert refused.status_code == 405 and refused.json()["code"] == "api:user:method-not-allowed"
    assert "PATCH" in refused["Allow"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"name": NaN}', b"[" * 100_000])
def test_what_is_not_json_is_400(as_alice, body):
    refused = as_alice.post("/api/v1/apps", body)
    assert refused.status_code == 400 and refused["Content-Type"] == "application/problem+json"


def test_a_body_over_a_mebibyte_is_413(as_alice, shop):
    refused = as_alice.patch("/api/v1/apps/shop/config", b'{"A": "' + b"x" * (1 << 20) + b'"}')
    assert refused.status_code == 413


def test_another_type_is_415(as_alice):
    from django.test import Client

    secret = as_alice._headers
    refused = Client().post("/api/v1/apps", {"name": "shop"}, headers=secret)
    assert refused.status_code == 415


def test_a_fault_of_ours_shows_nothing_of_itself(as_alice, settings, caplog):
    settings.ROOT_URLCONF = "tests.fixtures.faulty"
    failed = as_alice.get("/api/v1/fault", X_Request_ID="abc-2")
    assert failed.status_code == 500 and failed.json()["code"] == "api:platform:error"
    assert b"hunter2" not in failed.content
    assert "abc-2" in caplog.text
