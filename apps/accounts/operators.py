"""The first operator of an installation, and the token that scripts use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.db import transaction

from apps.access.viewer import SCOPES
from apps.accounts import tokens
from apps.accounts.models import Membership, Team, Token, User
from apps.audit import actions as audit

NAME = "operator"
TEAM = "operators"
TOKEN = "scripts"  # noqa: S105  (the token's name)


def ensure() -> tuple[User, bool]:
    """Return the operator and whether they are new; they have no password until they use a link."""
    with transaction.atomic():
        team, _made = Team.objects.get_or_create(name=TEAM)
        user, new = User.objects.get_or_create(username=NAME, defaults={"is_operator": True})
        Membership.objects.get_or_create(team=team, user=user, defaults={"role": "admin"})
        if new:
            user.set_unusable_password()
            user.save(update_fields=["password"])
            audit.record(viewer=None, action="operator.create", object=user.uid, label=NAME, team=team.uid)
    return user, new


def write_token(path: Path) -> bool:
    """Write a token with all scopes to `path` (0600, whole or not at all). False: the one there still works."""
    if path.exists() and tokens.find(path.read_text().strip()) is not None:
        return False
    user, _new = ensure()
    with transaction.atomic():
        for old in Token.objects.live().filter(user=user, name=TOKEN):
            Token.objects.filter(pk=old.pk).delete()
            audit.record(viewer=None, action="token.replace", object=old.uid, label=old.name)
        _token, secret = tokens.make(user=user, name=TOKEN, scopes=SCOPES, days=tokens.LONGEST_DAYS)
        _write(path, secret)
    return True


def _write(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
