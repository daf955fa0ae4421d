"""Me, tokens, teams and the audit log, by API."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_me_says_who_and_what_i_may(as_alice, as_carol, alice):
    me = as_alice.get("/api/v1/me").json()
    assert me == {
        "id": alice.uid,
        "name": "alice",
        "operator": False,
        "scopes": ["read", "deploy", "config", "admin"],
        "app": "",
        "teams": ["harbour"],
    }
    assert as_carol.get("/api/v1/me").json()["teams"] == ["operators"]


def test_tokens_are_made_listed_and_revoked(as_alice, as_bob):
    made = as_alice.post("/api/v1/tokens", {"name": "laptop", "scopes": ["read"], "days": 7})
    assert made.status_code == 201
    secret, uid = made.json()["token"], made.json()["id"]
    listed = as_alice.get("/api/v1/tokens")
    assert "laptop" in [token["name"] for token in listed.json()["items"]]
    assert secret not in listed.content.decode()
    assert as_bob.delete(f"/api/v1/tokens/{uid}").status_code == 404
    assert as_alice.delete(f"/api/v1/tokens/{uid}").status_code == 204
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


@pytest.mark.parametrize("body", [{}, {"scopes": []}, {"scopes": ["root"]}, {"scopes": ["read"], "days": 1000}, []])
def test_a_token_without_scopes_or_end_is_not_made(as_alice, body):
    refused = as_alice.post("/api/v1/tokens", body)
    assert refused.status_code == 400 and refused.json()["errors"]


def test_teams_are_their_members_alone(as_alice, as_bob, harbour):
    assert [team["name"] for team in as_alice.get("/api/v1/teams").json()["items"]] == ["harbour"]
    assert as_alice.get("/api/v1/teams/harbour").status_code == 200
    assert as_bob.get("/api/v1/teams/harbour").status_code == 404
    made = as_bob.post("/api/v1/teams", {"name": "lighthouse"})
    assert made.status_code == 201 and as_bob.get(made["Location"]).status_code == 200
    assert as_bob.post("/api/v1/teams", {"name": "harbour"}).status_code == 409


def test_an_operator_invites_and_an_admin_adds_and_removes(as_alice, as_bob, as_carol, harbour, bob, config):
    invited = as_carol.post("/api/v1/teams/harbour/invites", {"name": "dan"})
    assert invited.status_code == 201 and invited.json()["url"].startswith(f"{config.url}/welcome/")
    assert as_carol.post("/api/v1/teams/harbour/invites", {"name": "bob"}).status_code == 409
    assert as_alice.post("/api/v1/teams/harbour/invites", {"name": "eve"}).status_code == 403
    added = as_alice.post("/api/v1/teams/harbour/members", {"name": "bob", "role": "member"})
    assert added.json() == {"id": bob.uid, "name": "bob", "role": "member"}
    assert as_bob.post("/api/v1/teams/harbour/invites", {"name": "eve"}).status_code == 403
    names = [member["name"] for member in as_alice.get("/api/v1/teams/harbour/members").json()["items"]]
    assert names == ["alice", "bob"]
    assert as_alice.delete(f"/api/v1/teams/harbour/members/{bob.uid}").status_code == 204
    assert as_bob.get("/api/v1/teams/harbour").status_code == 404


def test_the_audit_log_is_for_those_it_is_about(as_alice, as_bob, as_carol, shop):
    def actions(client):
        return [entry["action"] for entry in client.get("/api/v1/audit").json()["items"] if entry["object"] == shop.uid]

    assert actions(as_alice) == ["app.create"] and actions(as_carol) == ["app.create"] and actions(as_bob) == []


def test_the_session_of_a_page_may_read_and_needs_csrf_to_write(alice, shop):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get("/api/v1/apps/shop").status_code == 200
    refused = client.post("/api/v1/apps", b'{"name": "another"}', content_type="application/json")
    assert refused.status_code == 403 and refused["Content-Type"] == "application/problem+json"
