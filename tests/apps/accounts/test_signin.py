"""Signing in: ten wrong passwords, and nothing is heard for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import signin
from apps.accounts.models import SignInFailure
from apps.audit.models import Entry

pytestmark = pytest.mark.django_db
RIGHT = "correct horse battery"


def sign_in(name: str, password: str, address: str = "192.0.2.1"):
    return Client(REMOTE_ADDR=address).post("/login", {"username": name, "password": password})


def fail(name: str, times: int, address: str = "192.0.2.1") -> None:
    SignInFailure.objects.bulk_create(SignInFailure(account=name, address=address) for _ in range(times))


def test_the_right_password_lets_alice_in_and_leaves_a_row(alice):
    assert sign_in("alice", RIGHT).status_code == 302
    row = Entry.objects.get(action="session.create")
    assert (row.actor, row.result, row.via) == (alice.uid, "done", "page")


def test_a_wrong_password_leaves_a_row_without_it(alice):
    assert sign_in("alice", "wrong password").status_code == 200
    row = Entry.objects.get(action="session.create")
    assert (row.actor, row.actor_label, row.result) == ("", "alice", "failed")
    assert "wrong password" not in str(Entry.objects.values().get())


def test_after_ten_wrong_ones_even_the_right_one_waits(alice):
    fail("alice", signin.OF_BOTH - 1)
    sign_in("alice", "wrong password")
    refused = sign_in("Alice", RIGHT)
    assert refused.status_code == 200 and b"Too many wrong passwords" in refused.content
    SignInFailure.objects.update(at=timezone.now() - timedelta(minutes=16))
    assert sign_in("alice", RIGHT).status_code == 302


def test_nobody_locks_alice_out_from_elsewhere_with_ten(alice):
    fail("alice", signin.OF_BOTH, address="198.51.100.9")
    assert sign_in("alice", RIGHT).status_code == 302


def test_one_address_does_not_try_every_name(alice):
    for number in range(signin.OF_EITHER):
        fail(f"user{number}", 1)
    assert signin.blocked("alice", "192.0.2.1") and not signin.blocked("alice", "192.0.2.2")


def test_success_forgets_and_a_day_forgets(alice):
    fail("alice", 5)
    sign_in("alice", RIGHT)
    assert not SignInFailure.objects.exists()
    fail("old", 1)
    SignInFailure.objects.update(at=timezone.now() - timedelta(days=2))
    sign_in("bob", "wrong password")
    assert [row.account for row in SignInFailure.objects.all()] == ["bob"]


def test_an_unknown_name_is_refused_like_a_wrong_password(alice):
    known, unknown = sign_in("alice", "wrong password"), sign_in("nobody", "wrong password")
    assert known.status_code == unknown.status_code == 200
    assert known.content.count(b"alice") == unknown.content.count(b"nobody")


def test_an_invitation_signs_in(carol, harbour):
    from apps.accounts import links
    from apps.accounts.viewers import viewer_of

    where = links.invite(team=harbour, username="dan", viewer=viewer_of(carol, via="page")).split("/welcome/")[1]
    client = Client()
    assert client.get(f"/welcome/{where}").status_code == 200
    assert client.post(f"/welcome/{where}", {"password": "a long enough pass phrase"}).status_code == 302
    assert client.get("/api/v1/me").json()["name"] == "dan"
    assert Client().get(f"/welcome/{where}").status_code == 404
