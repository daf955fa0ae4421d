"""Apps by API: make, look, change, delete."""

from __future__ import annotations

import pytest

from apps.accounts import tokens
from apps.applications.models import App
from apps.audit.models import Entry

pytestmark = pytest.mark.django_db


def test_alice_makes_an_app_and_gets_a_token_for_it_once(as_alice, alice, config):
    made = as_alice.post("/api/v1/apps", {"name": "shop"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["name"], body["team"], body["status"], body["release"]) == ("shop", "harbour", "created", "")
    assert body["url"] == config.app_url("shop") and body["git_url"] == config.git_url("shop")
    assert made["Location"] == "/api/v1/apps/shop"
    viewer = tokens.authenticate(body["token"], via="git")
    assert viewer.scopes == {"read", "deploy"} and viewer.app == body["id"]
    assert "token" not in as_alice.get("/api/v1/apps/shop").json()


def test_an_app_is_found_by_name_and_by_id(as_alice, shop):
    by_name = as_alice.get("/api/v1/apps/shop").json()
    by_id = as_alice.get(f"/api/v1/apps/{shop.uid}").json()
    assert by_name["id"] == by_id["id"] == shop.uid
    assert {"status", "release", "url", "git_url", "instances", "observed_at"} <= set(by_name)


def test_a_taken_name_is_409_and_a_bad_one_says_why(as_alice, as_bob, shop):
    taken = as_bob.post("/api/v1/apps", {"name": "shop"})
    assert taken.status_code == 409 and taken.json()["code"] == "app:user:name-taken"
    for name in ("Shop", "s", "-shop", "shop-", "shop\n", "admin", "a" * 31, "sh_op"):
        refused = as_alice.post("/api/v1/apps", {"name": name})
        assert refused.status_code in (400, 422), (name, refused.content)
        assert refused["Content-Type"] == "application/problem+json"


def test_lists_show_own_apps_alone_and_an_operator_sees_all(as_alice, as_bob, as_carol, shop):
    def names(client):
        return [app["name"] for app in client.get("/api/v1/apps").json()["items"]]

    assert names(as_alice) == ["shop"] and names(as_bob) == [] and names(as_carol) == ["shop"]


def test_a_list_has_pages(as_alice, viewer, harbour):
    from apps.applications.actions import create_app

    for letter in "abcde":
        create_app(name=f"{letter}-shop", team=harbour, viewer=viewer)
    first = as_alice.get("/api/v1/apps?limit=2")
    assert [app["name"] for app in first.json()["items"]] == ["a-shop", "b-shop"]
    assert 'rel="next"' in first["Link"]
    second = as_alice.get(first.json()["next"]).json()
    assert [app["name"] for app in second["items"]] == ["c-shop", "d-shop"]
    assert [app["name"] for app in as_alice.get(second["prev"]).json()["items"]] == ["a-shop", "b-shop"]


def test_bob_gets_nothing(as_bob, shop):
    for method in ("GET", "PATCH", "DELETE"):
        assert as_bob(method, "/api/v1/apps/shop", {}).status_code == 404


def test_settings_change_and_unknown_fields_are_refused(as_alice, shop):
    changed = as_alice.patch("/api/v1/apps/shop", {"check_path": "/health", "deploy_branch": "release/1"})
    assert changed.status_code == 200 and changed.json()["check_path"] == "/health"
    assert Entry.objects.filter(action="app.update", object=shop.uid).exists()
    wrong = as_alice.patch("/api/v1/apps/shop", {"chek_path": "/"})
    assert wrong.status_code == 400
    assert wrong.json()["errors"] == [
        {"pointer": "/chek_path", "code": "unknown-field", "detail": "There is no such field."}
    ]
    for field, value in [("check_path", "health"), ("check_path", "/a b"), ("deploy_branch", "a..b")]:
        assert as_alice.patch("/api/v1/apps/shop", {field: value}).status_code == 422


def test_maintenance_closes_the_hosts_at_once(as_alice, shop, config):
    from apps.routes.models import RouterGeneration

    assert as_alice.patch("/api/v1/apps/shop", {"maintenance": True}).json()["maintenance"] is True
    newest = RouterGeneration.objects.order_by("-number").first()
    assert newest.state["closed"] == {config.app_host("shop"): "H80"}


def test_an_app_goes_when_its_name_is_typed(as_alice, shop):
    assert as_alice.delete("/api/v1/apps/shop", {"confirm": "shap"}).status_code == 422
    assert as_alice.delete("/api/v1/apps/shop").status_code == 400
    gone = as_alice.delete("/api/v1/apps/shop", {"confirm": "shop"})
    assert gone.status_code == 202 and gone.json()["status"] == "deleting"
    assert as_alice.get("/api/v1/apps/shop").status_code == 404
    assert App.objects.get(pk=shop.pk).deleted_at is not None
    assert as_alice.post("/api/v1/apps", {"name": "shop"}).status_code == 201


def test_a_token_of_one_app_reaches_nothing_else(token_of, alice, shop):
    bound = token_of(alice, app=shop)
    assert bound.get("/api/v1/apps/shop").status_code == 200
    assert bound.post("/api/v1/apps", {"name": "another"}).status_code == 403
    assert bound.get("/api/v1/tokens").status_code == 403
    assert bound.get("/api/v1/teams").status_code == 403
    assert bound.get("/api/v1/teams/harbour").status_code == 404


def test_a_token_needs_the_scope(token_of, alice, shop):
    reader = token_of(alice, scopes=["read"])
    assert reader.get("/api/v1/apps/shop").status_code == 200
    refused = reader.patch("/api/v1/apps/shop", {"check_path": "/"})
    assert refused.status_code == 403 and refused.json()["code"] == "access:user:forbidden"
    denied = Entry.objects.get(result="denied")
    assert (denied.action, denied.object, denied.actor_label) == ("app.update", shop.uid, "alice")
    assert denied.request_id == refused["X-Request-ID"]


def test_somebody_in_many_teams_names_one_or_gets_the_first_that_they_joined(as_carol, as_alice, alice, bob, harbour):
    from apps.accounts.models import Membership, Team

    other = Team.objects.get(name="strangers")
    Membership.objects.create(team=other, user=alice, role="member")
    assert as_alice.post("/api/v1/apps", {"name": "shop1"}).json()["team"] == "harbour"
    assert as_alice.post("/api/v1/apps", {"name": "shop", "team": "strangers"}).json()["team"] == "strangers"
    foreign = as_alice.post("/api/v1/apps", {"name": "shop2", "team": "operators"})
    assert foreign.status_code == 422 and foreign.json()["code"] == "app:user:team"
    assert as_carol.post("/api/v1/apps", {"name": "shop3"}).json()["team"] == "operators"


def test_domains_lead_to_the_app_at_once(as_alice, as_bob, shop):
    from apps.routes.models import RouterGeneration

    assert as_alice.post("/api/v1/apps/shop/domains", {"host": "Shop.Example.com"}).status_code == 201
    assert "shop.example.com" in RouterGeneration.objects.order_by("-number").first().state["closed"]
    as_bob.post("/api/v1/apps", {"name": "thief"})
    assert as_bob.post("/api/v1/apps/thief/domains", {"host": "shop.example.com"}).status_code == 409
    for host in ("localhost", "other.apps.localhost", "apps.localhost", "127.0.0.1", "a b.com", "-x.com"):
        assert as_alice.post("/api/v1/apps/shop/domains", {"host": host}).status_code == 422, host
    assert as_alice.get("/api/v1/apps/shop/domains").json()["items"] == [{"host": "shop.example.com"}]
    assert as_alice.delete("/api/v1/apps/shop/domains/shop.example.com").status_code == 204
    assert as_alice.delete("/api/v1/apps/shop/domains/shop.example.com").status_code == 404
