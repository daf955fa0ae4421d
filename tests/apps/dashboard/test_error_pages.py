"""Error pages: what happened, what next, and the request id that the log has too."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import Membership, User
from apps.audit.models import Entry

pytestmark = pytest.mark.django_db
ID = {"X-Request-ID": "the-one"}


@pytest.fixture
def dora(harbour) -> Client:
    """A member of harbour, not an admin."""
    user = User.objects.create_user("dora", password="correct horse battery")
    Membership.objects.create(team=harbour, user=user, role="member")
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("path", ["/nothing", "/apps/nope", "/teams/nope"])
def test_what_is_not_there_says_so_with_the_request_id(client, alice, path):
    client.force_login(alice)
    answer = client.get(path, headers=ID)
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "There is nothing here" in page
    assert "the-one" in page
    assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_what_a_member_may_not_do_is_a_403_with_the_reason_and_a_row(dora, shop):
    answer = dora.post("/apps/shop/delete", {"confirm": "shop"}, headers=ID)
    assert answer.status_code == 403
    assert "dora may not do this (app.delete)" in answer.content.decode()
    row = Entry.objects.get(action="app.delete")
    assert (row.result, row.object, row.request_id) == ("denied", shop.uid, "the-one")


def test_a_form_without_its_token_is_told_what_to_do(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/teams", {"name": "pier"})
    assert answer.status_code == 403
    assert "load the page again" in answer.content.decode()


def test_a_fault_of_ours_shows_an_id_and_nothing_else(client, alice, settings):
    settings.ROOT_URLCONF = "tests.fixtures.faulty"
    client.force_login(alice)
    client.raise_request_exception = False
    answer = client.get("/fault", headers=ID)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "the-one" in page
    assert "secret" not in page


def test_an_error_page_takes_no_banner_that_belongs_elsewhere(client, alice, shop):
    client.force_login(alice)
    client.post("/apps/shop/delete", {"confirm": "not its name"})
    assert "nothing was deleted" not in client.get("/nothing").content.decode()
    assert "nothing was deleted" in client.get("/apps/shop/settings").content.decode()
