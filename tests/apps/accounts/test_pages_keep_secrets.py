"""What pages show once is in no row and in no cache."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apps.applications.models import App

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def test_a_first_token_waits_sealed_and_is_shown_once(browser, harbour):
    made = browser.post("/apps/new", {"name": "quay", "team": harbour.uid})
    assert made.status_code == 302
    kept = Session.objects.get(session_key=browser.session.session_key).get_decoded()
    assert App.objects.filter(name="quay").exists()
    assert any(name.startswith("first-token:") for name in kept)
    assert "mnt_pat_" not in str(kept)
    assert "mnt_pat_" in browser.get("/apps/quay").content.decode()
    assert "mnt_pat_" not in browser.get("/apps/quay").content.decode()


@pytest.mark.parametrize("path", ["/", "/tokens", "/teams/harbour", "/welcome/nothing", "/api/v1/me"])
def test_no_cache_keeps_an_answer(browser, harbour, path):
    assert "no-store" in browser.get(path)["Cache-Control"]


@pytest.mark.parametrize(("host", "status"), [("evil.example", 400), ("127.0.0.1", 200), ("localhost:29456", 200)])
def test_only_names_of_ours_are_answered(client, host, status):
    assert client.get("/login", headers={"Host": host}).status_code == status


def test_a_password_of_digits_is_none(carol, harbour, client):
    from apps.accounts import links
    from apps.accounts.viewers import viewer_of

    url = links.invite(team=harbour, username="dan", viewer=viewer_of(carol, via="page"))
    path = url[url.index("/welcome/") :]
    assert client.post(path, {"password": "123456789012"}).status_code == 400
    assert client.post(path, {"password": "a long enough pass phrase"}).status_code == 302
