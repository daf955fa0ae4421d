"""Tokens: shown once, kept hashed, always with an end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts import tokens
from apps.accounts.models import Token
from apps.accounts.viewers import viewer_of
from apps.audit.models import Entry
from minato.errors import UserError

pytestmark = pytest.mark.django_db


def test_a_token_says_who_holds_it(alice, harbour):
    token, secret = tokens.make(user=alice, name="laptop", scopes=["read", "deploy"])
    viewer = tokens.authenticate(secret, via="git")
    assert viewer is not None
    assert (viewer.label, viewer.via, viewer.token) == ("alice", "git", token.uid)
    assert viewer.scopes == {"read", "deploy"}
    assert viewer.role(harbour.pk) == "admin"


def test_the_secret_is_kept_nowhere(alice):
    token, secret = tokens.make(user=alice, name="laptop", scopes=["read"])
    row = Token.objects.filter(pk=token.pk).values().get()
    assert secret.startswith("mnt_pat_") and len(secret) == 57
    assert secret not in str(row) and secret not in str(list(Entry.objects.values()))
    assert row["prefix"] == secret[:16]


SPOILS = [lambda s: s[:-1] + ("a" if s[-1] != "a" else "b"), lambda s: s + "\n", lambda s: "", lambda s: s.upper()]


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_mistyped_token_never_reaches_the_database(alice, spoil, django_assert_num_queries):
    _token, secret = tokens.make(user=alice, name="laptop", scopes=["read"])
    with django_assert_num_queries(0):
        assert tokens.authenticate(spoil(secret), via="api") is None


def test_an_expired_token_is_unknown(alice):
    token, secret = tokens.make(user=alice, name="old", scopes=["read"], days=1)
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert tokens.authenticate(secret, via="api") is None


def test_a_revoked_token_is_unknown(alice):
    token, secret = tokens.make(user=alice, name="lost", scopes=["read"])
    tokens.revoke(uid=token.uid, viewer=viewer_of(alice, via="page"))
    assert tokens.authenticate(secret, via="api") is None


def test_a_person_who_has_left_has_no_token(alice):
    _token, secret = tokens.make(user=alice, name="laptop", scopes=["read"])
    alice.is_active = False
    alice.save()
    assert tokens.authenticate(secret, via="api") is None


def test_nobody_revokes_anothers_token(alice, bob):
    token, _secret = tokens.make(user=alice, name="laptop", scopes=["read"])
    with pytest.raises(UserError, match="no such token"):
        tokens.revoke(uid=token.uid, viewer=viewer_of(bob, via="page"))


def test_last_use_is_noted_once_a_minute(alice, django_assert_num_queries):
    token, secret = tokens.make(user=alice, name="laptop", scopes=["read"])
    assert tokens.find(secret)
    first = Token.objects.get(pk=token.pk).last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        tokens.find(secret)
    Token.objects.filter(pk=token.pk).update(last_used_at=first - timedelta(seconds=61))
    tokens.find(secret)
    assert Token.objects.get(pk=token.pk).last_used_at > first - timedelta(seconds=1)


@pytest.mark.parametrize(("scopes", "days"), [([], 90), (["root"], 90), (["read"], 0), (["read"], 366)])
def test_every_token_has_scopes_and_an_end(alice, scopes, days):
    with pytest.raises(UserError):
        tokens.make(user=alice, name="x", scopes=scopes, days=days)


def test_a_token_makes_no_wider_token(alice):
    narrow, _secret = tokens.make(user=alice, name="ci", scopes=["read", "admin"])
    viewer = viewer_of(alice, via="api", token=narrow)
    assert tokens.make(user=alice, name="x", scopes=["read"], viewer=viewer)
    with pytest.raises(UserError) as caught:
        tokens.make(user=alice, name="x", scopes=["config"], viewer=viewer)
    assert caught.value.code == "access:user:forbidden"


def test_a_token_makes_none_that_outlives_it(alice):
    short, _secret = tokens.make(user=alice, name="ci", scopes=["admin"], days=1)
    made, _secret = tokens.make(
        user=alice, name="x", scopes=["admin"], days=365, viewer=viewer_of(alice, via="api", token=short)
    )
    assert made.expires_at == short.expires_at


def test_a_token_without_admin_or_bound_to_an_app_makes_none(alice, shop):
    plain = viewer_of(alice, via="api", token=tokens.make(user=alice, name="ci", scopes=["read"])[0])
    bound = viewer_of(alice, via="api", token=tokens.make(user=alice, name="ci", scopes=["admin"], app=shop)[0])
    for viewer in (plain, bound):
        with pytest.raises(UserError) as caught:
            tokens.make(user=alice, name="x", scopes=["read"], viewer=viewer)
        assert caught.value.code == "access:user:forbidden"


def test_a_token_of_one_app_sees_that_app_alone(alice, harbour, viewer, shop):
    from apps.applications.actions import create_app
    from apps.applications.models import App

    create_app(name="blog2", team=harbour, viewer=viewer)
    token, _secret = tokens.make(user=alice, name="ci", scopes=["read"], app=shop)
    seen = App.objects.visible_to(viewer_of(alice, via="api", token=token))
    assert [app.name for app in seen] == ["shop"]
