"""Users, teams, and what lets them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from minato.values.ids import new_id

if TYPE_CHECKING:
    from apps.access.viewer import Viewer


def user_id() -> str:
    return new_id("u")


def team_id() -> str:
    return new_id("t")


def token_id() -> str:
    return new_id("k")


def invite_id() -> str:
    return new_id("i")


class User(AbstractUser):
    """A person. Operators run the platform; everybody else acts through teams."""

    uid = models.CharField(max_length=20, unique=True, default=user_id, editable=False)
    is_operator = models.BooleanField(default=False)


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, viewer: Viewer) -> TeamQuerySet:
        return self.filter(pk__in=viewer.teams)

    def named(self, name_or_id: str) -> TeamQuerySet:
        return self.filter(Q(name=name_or_id) | Q(uid=name_or_id))


class Team(models.Model):
    """Who owns apps. Every person may have several."""

    uid = models.CharField(max_length=20, unique=True, default=team_id, editable=False)
    name = models.CharField(max_length=30, unique=True)
    created = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person in a team. Roles: member (push, config, scale), admin (also people, delete)."""

    ROLES = [("member", "member"), ("admin", "admin")]
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=ROLES, default="member")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_membership")]


class TokenQuerySet(models.QuerySet["Token"]):
    def live(self) -> TokenQuerySet:
        return self.filter(revoked_at__isnull=True, expires_at__gt=Now())


class Token(models.Model):
    """An API and git credential: shown once, kept as SHA-256, with scopes and an expiry."""

    uid = models.CharField(max_length=20, unique=True, default=token_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)  # subset of read, deploy, config, admin
    app_uid = models.CharField(max_length=20, blank=True)  # bound to one app, or ""
    created = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = TokenQuerySet.as_manager()


class OneTimeLink(models.Model):
    """A login link or an invitation: works once, before its expiry. Kept as SHA-256."""

    KINDS = [("login", "login"), ("invite", "invite")]
    uid = models.CharField(max_length=20, unique=True, default=invite_id, editable=False)
    kind = models.CharField(max_length=10, choices=KINDS)
    sha256 = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE)  # login: who
    username = models.CharField(max_length=150, blank=True)  # invite: whom
    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, blank=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="login", user__isnull=False) | Q(kind="invite", username__gt=""), name="link_says_whom"
            )
        ]


class SignInFailure(models.Model):
    """A wrong password: counted for 15 minutes, forgotten after a day."""

    account = models.CharField(max_length=150)
    address = models.CharField(max_length=45, blank=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
