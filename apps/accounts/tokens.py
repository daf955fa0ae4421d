"""Tokens: the one credential of API, git and streams. Shown once, kept as SHA-256, always with an end."""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import policy
from apps.access.viewer import SCOPES, Viewer
from apps.accounts.models import Token, User
from apps.accounts.viewers import viewer_of
from apps.audit import actions as audit
from minato.errors import UserError

PREFIX = "mnt_pat_"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM = 43  # base62 digits of 32 bytes
CHECK = 6  # base62 digits of a CRC-32: secret scanners and mistyped tokens need no database
SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECK}}}")
KEPT = 16  # characters that lists show
LONGEST_DAYS = 365
USED_EVERY = timedelta(minutes=1)


class Named(Protocol):
    """An app, as far as a token knows it."""

    uid: str


def make(
    *,
    user: User,
    name: str,
    scopes: Iterable[str],
    app: Named | None = None,
    days: int = 90,
    viewer: Viewer | None = None,
) -> tuple[Token, str]:
    """Return a new token and its secret, which nobody sees again.

    `viewer` is who asks (None: the platform): a token makes none wider than itself, and none
    that outlives it. Raises UserError `token:user:*`.
    """
    wanted = _scopes(scopes)
    if not 1 <= days <= LONGEST_DAYS:
        message = _("A token lives 1 to %d days.") % LONGEST_DAYS
        raise UserError(code="token:user:days", message=message)
    if viewer is not None:
        _require_not_wider(viewer, wanted)
    secret = _new_secret()
    until = _until(days, viewer)
    with transaction.atomic():
        token = Token.objects.create(
            user=user,
            name=(name.strip() or "token")[:60],
            prefix=secret[:KEPT],
            sha256=_digest(secret),
            scopes=wanted,
            app_uid=app.uid if app else "",
            expires_at=until,
        )
        detail = {"scopes": wanted, "days": days, "app": token.app_uid, "for": user.username}
        audit.record(viewer=viewer, action="token.make", object=token.uid, label=token.name, detail=detail)
    return token, secret


def revoke(*, uid: str, viewer: Viewer) -> Token:
    """End one of the viewer's own tokens. Raises UserError `token:user:not-found`."""
    policy.require_unbound(viewer, "token.revoke")
    with transaction.atomic():
        token = Token.objects.filter(user_id=viewer.user_id, uid=uid).first()
        if token is None:
            raise UserError(code="token:user:not-found", message=_("There is no such token."))
        if Token.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
            audit.record(viewer=viewer, action="token.revoke", object=token.uid, label=token.name)
    return token


def authenticate(secret: str, *, via: str) -> Viewer | None:
    """Return who holds `secret`, or None for an unknown, expired or revoked one. Never call it with a query string."""
    token = find(secret)
    return viewer_of(token.user, via=via, token=token) if token else None


def find(secret: str) -> Token | None:
    """Return the live token of an active user, and note that it was used."""
    if not _well_formed(secret):
        return None
    token = Token.objects.live().select_related("user").filter(sha256=_digest(secret), user__is_active=True).first()
    if token is not None:
        _note_use(token)
    return token


def _note_use(token: Token) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)


def _scopes(asked: Iterable[str]) -> list[str]:
    wanted = set(asked)
    if not wanted or not wanted <= set(SCOPES):
        message = _("A token needs scopes out of: %s.") % ", ".join(SCOPES)
        raise UserError(code="token:user:scopes", message=message)
    return [scope for scope in SCOPES if scope in wanted]


def _require_not_wider(viewer: Viewer, scopes: list[str]) -> None:
    policy.require_unbound(viewer, "token.make")
    policy.require_scope(viewer, "admin", "token.make")
    if wider := [scope for scope in scopes if scope not in viewer.scopes]:
        raise policy.forbidden(viewer, "token.make", ", ".join(wider))


def _until(days: int, viewer: Viewer | None) -> datetime:
    """Return when a new token ends: whoever found an old one does not keep its rights longer by it."""
    wanted = timezone.now() + timedelta(days=days)
    parent = Token.objects.filter(uid=viewer.token).first() if viewer is not None and viewer.token else None
    return wanted if parent is None else min(wanted, parent.expires_at)


def _new_secret() -> str:
    body = _base62(int.from_bytes(secrets.token_bytes(32), "big"), RANDOM)
    return PREFIX + body + _checksum(body)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _place in range(width):
        number, digit = divmod(number, 62)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))


def _well_formed(secret: str) -> bool:
    if not SHAPE.fullmatch(secret):
        return False
    body = secret.removeprefix(PREFIX)
    return secrets.compare_digest(_checksum(body[:RANDOM]), body[RANDOM:])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
