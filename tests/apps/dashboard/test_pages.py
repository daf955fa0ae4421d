"""The pages as alice and bob get them."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Team, Token
from apps.applications.models import App
from apps.deploys import actions
from minato.values.source import RefChange, SourceBlob

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def pushed(shop, viewer):
    """A first push that waits for its build."""
    source = SourceBlob(sha256="0" * 64, size=100, entries=1)
    change = RefChange(old="0" * 40, new="a" * 40, ref="refs/heads/main")
    return actions.push(app=shop, source=source, change=change, viewer=viewer)


APP_PAGES = [f"/apps/shop{tail}" for tail in ("", "/activity", "/logs", "/deploys/1", "/config", "/settings")]
PAGES = ["/", "/apps/new", *APP_PAGES, "/teams", "/teams/harbour", "/tokens", "/audit"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_itself_to_its_owner_under_a_strict_policy(browser, pushed, path):
    answer = browser.get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    page = answer.content.decode()
    assert "<h1>" in page
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_a_page_without_signing_in(client, pushed, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login")


def test_a_stranger_gets_the_404_of_an_app_that_never_was(client, bob, shop):
    client.force_login(bob)
    foreign, nothing = client.get("/apps/shop"), client.get("/apps/nope")
    assert foreign.status_code == nothing.status_code == 404


def test_an_app_is_created_and_its_token_shown_once(browser, harbour):
    answer = browser.post("/apps/new", {"name": "cellar", "team": harbour.uid}, follow=True)
    page = answer.content.decode()
    assert "git push platform main" in page
    assert "git credential approve" in page
    assert "mnt_pat_" in page
    assert App.objects.get(name="cellar").team == harbour
    assert "mnt_pat_" not in browser.get("/apps/cellar").content.decode()


def test_a_bad_name_is_told_and_kept_in_the_field(browser, harbour):
    answer = browser.post("/apps/new", {"name": "Bad Name", "team": harbour.uid})
    assert answer.status_code == 422
    assert 'value="Bad Name"' in answer.content.decode()


def test_a_config_value_never_comes_back(browser, shop):
    browser.post("/apps/shop/config", {"lines": "SECRET=hunter2hunter2"})
    page = browser.get("/apps/shop/config").content.decode()
    assert "SECRET" in page
    assert "hunter2" not in page


def test_a_config_line_without_an_equals_sign_is_named_and_kept(browser, shop):
    answer = browser.post("/apps/shop/config", {"lines": "A=1\nnonsense"})
    assert answer.status_code == 422
    assert "Line 2" in answer.content.decode()
    assert "nonsense" in answer.content.decode()


def test_deleting_needs_the_name(browser, shop):
    browser.post("/apps/shop/delete", {"confirm": "shopp"})
    assert App.objects.live().filter(name="shop").exists()
    browser.post("/apps/shop/delete", {"confirm": "shop"})
    assert not App.objects.live().filter(name="shop").exists()


def test_a_token_is_made_shown_once_and_revoked(browser, alice):
    page = browser.post("/tokens", {"name": "laptop", "scopes": ["read", "deploy"], "days": "30"}).content.decode()
    assert "mnt_pat_" in page
    token = Token.objects.get(name="laptop")
    browser.post("/tokens", {"revoke": token.uid})
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_an_admin_adds_who_has_an_account_and_lets_nobody_new_in(browser, harbour, bob):
    browser.post("/teams/harbour", {"username": "bob", "role": "member"})
    assert harbour.memberships.filter(user=bob, role="member").exists()
    page = browser.post("/teams/harbour", {"username": "dora", "role": "member"}, follow=True).content.decode()
    assert "/welcome/" not in page
    assert "An operator can let them in." in page


def test_an_invitation_sets_a_password_and_works_once(carol, client, harbour):
    operator = Client()
    operator.force_login(carol)
    page = operator.post("/teams/harbour", {"username": "dora", "role": "member"}).content.decode()
    path = re.search(r"/welcome/[\w-]+", page).group()
    assert client.get(path).status_code == 200
    assert client.post(path, {"password": "short"}).status_code == 400
    assert client.post(path, {"password": "a long enough sentence"}).status_code == 302
    assert client.get("/apps/new").status_code == 200
    assert Team.objects.get(name="harbour").memberships.filter(user__username="dora").exists()
    assert client.get(path).status_code == 404


FRAGMENTS = ["/", "/apps/shop", "/apps/shop/activity", "/apps/shop/logs", "/apps/shop/deploys/1"]


@pytest.mark.parametrize("path", FRAGMENTS)
def test_a_live_region_gets_its_own_part_and_the_head(browser, pushed, path):
    page = browser.get(path, headers={"X-Fragment": "1"}).content.decode()
    assert "<html" not in page
    assert ('data-into="head"' in page) == (path != "/")


def test_a_finished_deploy_is_asked_about_no_more(browser, pushed):
    assert "data-stop" not in browser.get("/apps/shop/deploys/1").content.decode()
    type(pushed).objects.update(state="failed", code="build:user:failed", message="It broke.", hint="Mend it.")
    page = browser.get("/apps/shop/deploys/1").content.decode()
    assert "data-stop" in page
    assert "It broke." in page


def test_no_page_shows_the_words_of_its_template(browser, pushed, shop):
    shop.processes.create(type="web", quantity=1, crashed_at=timezone.now(), crash_exit_code=3, crash_lines=["a", "b"])
    for path in PAGES:
        page = browser.get(path).content.decode()
        assert "{{" not in page and "{%" not in page, path


def test_the_phase_that_failed_stands_out(browser, pushed):
    pushed.build.phases = [{"name": "build", "seconds": 1.5, "exit_code": 51}]
    pushed.build.save()
    page = browser.get("/apps/shop/deploys/1").content.decode()
    assert 'data-tone="bad">build 1.50 s · exit code 51' in page


def test_the_fragment_of_a_waiting_app_leads_to_its_first_deploy(browser, pushed):
    answer = browser.get("/apps/shop", headers={"X-Fragment": "1"})
    assert answer["X-Go"] == "/apps/shop/deploys/1"
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize("change", ["", "x", "+", "+\u00b2", "=" + "9" * 5000])
def test_a_scale_that_is_none_is_a_banner(browser, live_shop, change):
    answer = browser.post("/apps/shop/scale", {"type": "web", "change": change}, follow=True)
    assert answer.status_code == 200
    assert "is not a scale" in answer.content.decode()


@pytest.mark.parametrize("before", ["\u00b2", "9" * 5000, "x", "1"])
def test_the_audit_page_survives_any_number(browser, before):
    assert browser.get("/audit", {"before": before}).status_code == 200


def test_days_that_are_no_number_are_ninety(browser):
    answer = browser.post("/tokens", {"name": "ci", "scopes": ["read"], "days": "\u00b2"})
    assert answer.status_code == 200
    assert Token.objects.count() == 1
