"""One-time links: they work once, and looking at them uses nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.accounts import links, operators, teams, tokens
from apps.accounts.models import OneTimeLink, Token, User
from apps.accounts.viewers import viewer_of
from minato.errors import UserError

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough pass phrase"


@pytest.fixture
def operator(carol, harbour):
    return viewer_of(carol, via="page")


def secret_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def test_an_invitation_makes_a_member_once(operator, harbour):
    secret = secret_of(links.invite(team=harbour, username="dan", role="member", viewer=operator))
    assert links.find(secret).username == "dan"
    assert links.find(secret) is not None  # looking uses nothing
    dan = links.consume(secret, password=PASSWORD)
    assert dan.check_password(PASSWORD)
    assert viewer_of(dan, via="page").role(harbour.pk) == "member"
    assert links.consume(secret, password="another pass phrase") is None
    assert User.objects.get(username="dan").check_password(PASSWORD)


def test_a_link_is_kept_hashed_and_ends_after_a_day(operator, harbour):
    secret = secret_of(links.invite(team=harbour, username="dan", viewer=operator))
    row = OneTimeLink.objects.values().get()
    assert secret not in str(row)
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert links.find(secret) is None and links.consume(secret, password=PASSWORD) is None
    assert row["expires_at"] <= timezone.now() + timedelta(hours=24)


def test_an_invitation_never_takes_an_account_over(operator, harbour, bob):
    with pytest.raises(UserError, match="already"):
        links.invite(team=harbour, username="bob", viewer=operator)
    secret = secret_of(links.invite(team=harbour, username="dan", viewer=operator))
    User.objects.create_user("dan", password=PASSWORD)
    assert links.consume(secret, password="another pass phrase") is None
    assert User.objects.get(username="dan").check_password(PASSWORD)


def test_an_operator_alone_lets_new_people_in(harbour, viewer):
    with pytest.raises(UserError) as caught:
        links.invite(team=harbour, username="eve", viewer=viewer)
    assert caught.value.code == "access:user:forbidden"
    assert not OneTimeLink.objects.exists()


def test_the_first_operator_gets_one_link(capsys, config):
    call_command("ensure_operator")
    first = capsys.readouterr().out.strip()
    assert first.startswith(f"{config.url}/welcome/")
    call_command("ensure_operator")
    assert capsys.readouterr().out == ""
    call_command("ensure_operator", "--link")
    second = capsys.readouterr().out.strip()
    assert links.consume(secret_of(first), password=PASSWORD) is None  # a new link ends the old one
    operator = links.consume(secret_of(second), password=PASSWORD)
    assert operator.is_operator and operator.username == "operator"


def test_the_scripts_token_is_written_once_and_replaced_when_it_has_ended(tmp_path, capsys):
    path = tmp_path / "keys" / "token"
    call_command("operator_token", str(path))
    secret = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    viewer = tokens.authenticate(secret, via="api")
    assert viewer.operator and viewer.scopes == {"read", "deploy", "config", "admin"}
    call_command("operator_token", str(path))
    assert path.read_text().strip() == secret
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("operator_token", str(path))
    assert tokens.authenticate(path.read_text().strip(), via="api")
    assert tokens.authenticate(secret, via="api") is None
    assert secret not in capsys.readouterr().out


def test_an_operator_acts_in_every_team(carol, harbour):
    assert viewer_of(carol, via="page").role(harbour.pk) == "admin"


def test_a_team_keeps_an_admin(viewer, harbour, alice, bob):
    with pytest.raises(UserError, match="at least one admin"):
        teams.remove_member(team=harbour, user_uid=alice.uid, viewer=viewer)
    with pytest.raises(UserError, match="at least one admin"):
        teams.set_member(team=harbour, username="alice", role="member", viewer=viewer)
    teams.set_member(team=harbour, username="bob", role="admin", viewer=viewer)
    teams.remove_member(team=harbour, user_uid=alice.uid, viewer=viewer)
    assert viewer_of(alice, via="page").role(harbour.pk) == ""


def test_a_member_may_leave_but_remove_nobody(viewer, harbour, alice, bob):
    teams.set_member(team=harbour, username="bob", role="member", viewer=viewer)
    member = viewer_of(bob, via="page")
    with pytest.raises(UserError) as caught:
        teams.remove_member(team=harbour, user_uid=alice.uid, viewer=member)
    assert caught.value.code == "access:user:forbidden"
    teams.remove_member(team=harbour, user_uid=bob.uid, viewer=member)
    assert viewer_of(bob, via="page").role(harbour.pk) == ""


def test_a_team_has_a_name_of_its_own(viewer, harbour):
    made = teams.create(name="lighthouse", viewer=viewer)
    assert [m.user.username for m in made.memberships.all()] == ["alice"]
    for name in ("harbour", "No Spaces", "x"):
        with pytest.raises(UserError):
            teams.create(name=name, viewer=viewer)


def test_the_operator_is_made_once(db):
    assert operators.ensure()[1] is True
    assert operators.ensure()[1] is False


def test_an_invitation_ends_with_the_right_of_whoever_made_it(operator, harbour, carol):
    secret = secret_of(links.invite(team=harbour, username="dan", role="admin", viewer=operator))
    User.objects.filter(pk=carol.pk).update(is_operator=False)
    assert links.find(secret) is None
    assert links.consume(secret, password=PASSWORD) is None
    assert not User.objects.filter(username="dan").exists()


@pytest.mark.parametrize("name", ["minato", "system", "root", "admin", "operators", "u_7k2mq12345"])
def test_nobody_is_called_like_the_platform_or_like_an_id(operator, harbour, name):
    with pytest.raises(UserError) as caught:
        links.invite(team=harbour, username=name, viewer=operator)
    assert caught.value.code == "invite:user:bad-name"
