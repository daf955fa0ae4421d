"""What runs, by API: config, processes, deploys, releases, builds."""

from __future__ import annotations

import threading
import time

import pytest

from apps.applications.models import ConfigVar
from apps.deploys.models import Deploy

pytestmark = pytest.mark.django_db


def test_config_goes_in_and_never_comes_out(as_alice, shop):
    stored = as_alice.patch("/api/v1/apps/shop/config", {"GREETING": "hello, harbour", "TOKEN": "s3cret"})
    assert stored.status_code == 200 and stored.json()["deploy"] is None  # nothing runs yet
    shown = as_alice.get("/api/v1/apps/shop/config")
    assert [item["key"] for item in shown.json()["items"]] == ["GREETING", "TOKEN"]
    assert set(shown.json()["items"][0]) == {"key", "fingerprint", "version", "updated"}
    assert b"harbour" not in shown.content and b"s3cret" not in shown.content
    assert b"s3cret" not in bytes(ConfigVar.objects.get(key="TOKEN").sealed)
    removed = as_alice.patch("/api/v1/apps/shop/config", {"TOKEN": None})
    assert [item["key"] for item in removed.json()["items"]] == ["GREETING"]


def test_a_config_change_of_what_runs_is_a_deploy(as_alice, live_shop):
    changed = as_alice.patch("/api/v1/apps/shop/config", {"A": "1", "B": "2"})
    assert changed.status_code == 202
    assert changed["Location"] == "/api/v1/apps/shop/deploys/2"
    assert as_alice.get(changed["Location"]).json()["description"] == "Set A, B"
    same = as_alice.patch("/api/v1/apps/shop/config", {"A": "1"})
    assert same.status_code == 200 and same.json()["deploy"] is None


@pytest.mark.parametrize("body", [{"1A": "x"}, {"PORT": "1"}, {"LD_PRELOAD": "x"}, {"MINATO_X": "x"}, {"A B": "x"}])
def test_reserved_and_impossible_keys_are_refused(as_alice, shop, body):
    assert as_alice.patch("/api/v1/apps/shop/config", body).status_code == 422
    assert not ConfigVar.objects.exists()


@pytest.mark.parametrize("body", [{"A": 1}, {"A": {"b": "c"}}, ["A=1"], "A=1", {"A": True}])
def test_only_strings_and_null_are_config(as_alice, shop, body):
    assert as_alice.patch("/api/v1/apps/shop/config", body).status_code == 400


def test_config_needs_its_scope(token_of, alice, shop):
    reader = token_of(alice, scopes=["read", "deploy"])
    assert reader.get("/api/v1/apps/shop/config").status_code == 403
    assert reader.patch("/api/v1/apps/shop/config", {"A": "1"}).status_code == 403


def test_a_stale_change_of_config_is_refused(as_alice, shop):
    tag = as_alice.get("/api/v1/apps/shop/config")["ETag"]
    assert as_alice.patch("/api/v1/apps/shop/config", {"A": "1"}, If_Match=tag).status_code == 200
    late = as_alice.patch("/api/v1/apps/shop/config", {"A": "2"}, If_Match=tag)
    assert late.status_code == 412 and late.json()["code"] == "api:user:precondition"


@pytest.mark.parametrize("body", [{"web": "=3:large"}, ["web=3:large"], {"web": "+2:large"}])
def test_processes_scale_in_herokus_grammar(as_alice, live_shop, body):
    scaled = as_alice.patch("/api/v1/apps/shop/processes", body)
    assert scaled.status_code == 202, scaled.content
    deploy = Deploy.objects.get(app=live_shop, kind="scale")
    assert scaled["Location"].endswith(f"/deploys/{deploy.number}")
    assert scaled.json()["deploy"]["state"] == "queued"


@pytest.mark.parametrize("body", [{"web": "three"}, {"web": "=99"}, {"ghost": "=1"}, {"web": "=1:huge"}, {"web": "-5"}])
def test_impossible_scales_are_refused(as_alice, live_shop, body):
    assert as_alice.patch("/api/v1/apps/shop/processes", body).status_code == 422


def test_processes_show_what_crashed(as_alice, live_shop):
    live_shop.processes.update(crash_exit_code=3, crash_lines=["Traceback"])
    shown = as_alice.get("/api/v1/apps/shop/processes").json()["items"][0]
    assert (shown["type"], shown["quantity"], shown["crash_exit_code"]) == ("web", 1, 3)
    assert shown["crash_lines"] == ["Traceback"]


@pytest.mark.parametrize("kind", ["restart", "redeploy"])
def test_restart_and_redeploy_are_deploys(as_alice, live_shop, kind):
    begun = as_alice.post("/api/v1/apps/shop/deploys", {"kind": kind})
    assert begun.status_code == 202 and begun.json()["kind"] == kind
    assert as_alice.get("/api/v1/apps/shop/deploys").json()["items"][0]["number"] == 2


def test_nothing_restarts_before_the_first_push(as_alice, shop):
    refused = as_alice.post("/api/v1/apps/shop/deploys", {"kind": "restart"})
    assert refused.status_code == 422 and "git push" in refused.json()["hint"]


def test_the_same_idempotency_key_is_the_same_deploy(as_alice, live_shop):
    first = as_alice.post("/api/v1/apps/shop/deploys", {"kind": "restart"}, Idempotency_Key="k1")
    again = as_alice.post("/api/v1/apps/shop/deploys", {"kind": "restart"}, Idempotency_Key="k1")
    assert first.json()["number"] == again.json()["number"] == 2
    other = as_alice.post("/api/v1/apps/shop/deploys", {"kind": "redeploy"}, Idempotency_Key="k1")
    assert other.status_code == 422 and other.json()["code"] == "api:user:key-reused"
    assert as_alice.post("/api/v1/apps/shop/deploys", {"kind": "restart"}).json()["number"] == 3


def test_a_rollback_is_a_deploy_of_an_old_release(as_alice, live_shop):
    begun = as_alice.post("/api/v1/apps/shop/releases/1/rollback")
    assert begun.status_code == 202 and begun.json()["description"] == "Rollback to v1"
    assert as_alice.post("/api/v1/apps/shop/releases/9/rollback").status_code == 404


def test_a_queued_deploy_is_cancelled_at_once_and_then_over(as_alice, live_shop):
    where = as_alice.post("/api/v1/apps/shop/deploys", {"kind": "restart"})["Location"]
    cancelled = as_alice.post(f"{where}/cancel")
    assert cancelled.status_code == 202 and cancelled.json()["state"] == "cancelled"
    again = as_alice.post(f"{where}/cancel")
    assert again.status_code == 409 and again.json()["code"] == "deploy:user:over"


def test_waiting_answers_at_the_end_or_after_the_time(as_alice, live_shop):
    where = as_alice.post("/api/v1/apps/shop/deploys", {"kind": "restart"})["Location"]
    began = time.monotonic()
    assert as_alice.get(f"{where}?wait=0.3").json()["over"] is False
    assert 0.3 <= time.monotonic() - began < 3
    assert as_alice.get("/api/v1/apps/shop/deploys/1?wait=60").json()["state"] == "live"
    assert as_alice.get(f"{where}?wait=soon").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_waiting_client_hears_of_the_end(as_alice, live_shop):
    where = as_alice.post("/api/v1/apps/shop/deploys", {"kind": "restart"})["Location"]
    timer = threading.Timer(0.5, lambda: Deploy.objects.filter(app=live_shop, number=2).update(state="failed"))
    timer.start()
    began = time.monotonic()
    assert as_alice.get(f"{where}?wait=20").json()["state"] == "failed"
    timer.join()
    assert time.monotonic() - began < 5


def test_releases_and_builds_are_listed(as_alice, live_shop):
    release = as_alice.get("/api/v1/apps/shop/releases").json()["items"][0]
    assert (release["name"], release["build"], release["state"]) == ("v1", 1, "live")
    assert as_alice.get("/api/v1/apps/shop/releases/1").json()["id"] == release["id"]
    build = as_alice.get("/api/v1/apps/shop/builds").json()["items"][0]
    assert (build["number"], build["state"], build["commit"][:7]) == (1, "succeeded", "4f2c1aa")
    assert as_alice.get("/api/v1/apps/shop/builds/1").json()["id"] == build["id"]
    assert as_alice.get("/api/v1/apps/shop/builds/2").status_code == 404


def test_carol_operates_what_is_not_hers(as_carol, live_shop):
    assert as_carol.get("/api/v1/apps/shop").json()["release"] == "v1"
    assert as_carol.post("/api/v1/apps/shop/deploys", {"kind": "restart"}).status_code == 202
