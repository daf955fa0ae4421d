"""One-time links: an operator's first sign-in, and invitations. Reading one uses nothing; setting a password does."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import policy
from apps.access.viewer import Viewer
from apps.accounts import teams
from apps.accounts.models import Membership, OneTimeLink, Team, User
from apps.accounts.viewers import viewer_of
from apps.audit import actions as audit
from minato.errors import UserError
from minato.values import names

LIFE = timedelta(hours=24)


def find(secret: str) -> OneTimeLink | None:
    """Return the link if it still works."""
    rows = OneTimeLink.objects.select_related("user", "team", "by")
    link = rows.filter(sha256=_digest(secret), used_at__isnull=True, expires_at__gt=timezone.now()).first()
    return link if link is not None and _still_holds(link) else None


def consume(secret: str, *, password: str) -> User | None:
    """Use the link up: set the password, make the invited person. None: it was used, is over, or never was."""
    with transaction.atomic():
        link = find(secret)
        if link is None or not _use(link):
            return None
        user = link.user if link.kind == "login" else _invited(link)
        if user is None or not user.is_active:
            return None
        user.set_password(password)
        user.save(update_fields=["password"])
        _use_up(user)
        detail = {"by": link.by.username} if link.by else {}
        team = link.team.uid if link.team else ""
        audit.record(
            viewer=viewer_of(user, via="page"),
            action=f"link.{link.kind}",
            object=link.uid,
            label=user.username,
            team=team,
            detail=detail,
        )
    return user


def invite(*, team: Team, username: str, role: str = "member", viewer: Viewer) -> str:
    """Return the URL that makes `username` a member of `team`; operators alone let new people in.

    Raises UserError `invite:user:*`, Forbidden.
    """
    policy.require_unbound(viewer, "team.admin")
    policy.require(viewer, "team.admin", team.pk)
    policy.require_operator(viewer, "team.invite")
    teams.check_role(role)
    if not names.is_user_name(username):
        message = _("This is not a user name.")
        hint = _("2 to 30 lower-case letters, digits, dots, - and _, beginning with a letter.")
        raise UserError(code="invite:user:bad-name", message=message, hint=hint)
    if User.objects.filter(username=username).exists():
        message = _("%s has an account already.") % username
        raise UserError(code="invite:user:exists", message=message, hint=_("Add them as a member; no link is needed."))
    with transaction.atomic():
        link, url = _make(kind="invite", username=username, team=team, role=role, by_id=viewer.user_id)
        audit.record(
            viewer=viewer,
            action="team.invite",
            object=link.uid,
            label=username,
            team=team.uid,
            detail={"role": role},
        )
    return url


def login_link(user: User) -> str:
    """Return a URL that lets `user` in once and sets a new password; older login links end."""
    with transaction.atomic():
        _use_up(user)
        link, url = _make(kind="login", user=user)
        audit.record(viewer=None, action="link.make", object=link.uid, label=user.username)
    return url


def _make(**fields: object) -> tuple[OneTimeLink, str]:
    secret = secrets.token_urlsafe(32)
    link = OneTimeLink.objects.create(sha256=_digest(secret), expires_at=timezone.now() + LIFE, **fields)
    return link, f"{settings.MINATO.url}/welcome/{secret}"


def _still_holds(link: OneTimeLink) -> bool:
    """An invitation ends with the right of whoever made it: nobody comes back by a link of their own."""
    if link.kind != "invite":
        return True
    if link.team is None or link.by is None or not link.by.is_active:
        return False
    maker = viewer_of(link.by, via="page")
    return maker.operator and policy.allowed(maker, "team.admin", link.team.pk)


def _use(link: OneTimeLink) -> bool:
    return OneTimeLink.objects.filter(pk=link.pk, used_at__isnull=True).update(used_at=timezone.now()) == 1


def _use_up(user: User) -> None:
    OneTimeLink.objects.filter(kind="login", user=user, used_at__isnull=True).update(used_at=timezone.now())


def _invited(link: OneTimeLink) -> User | None:
    """Make the person; somebody of that name who came another way is never taken over."""
    if link.team is None or User.objects.filter(username=link.username).exists():
        return None
    user = User.objects.create_user(link.username)
    Membership.objects.create(team=link.team, user=user, role=link.role or "member")
    return user


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
