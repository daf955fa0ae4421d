"""Signing in with a password: how many wrong ones are heard, and that each try leaves a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import SignInFailure, User
from apps.accounts.viewers import viewer_of
from apps.audit import actions as audit
from apps.audit.context import current

WINDOW = timedelta(minutes=15)
KEPT = timedelta(days=1)
OF_BOTH = 10  # wrong passwords of one account from one address
OF_EITHER = 100  # of one account from anywhere, so that nobody locks it with ten; or from one address


@dataclass(frozen=True)
class Nobody:
    """Whoever tried a name: not known to be anybody."""

    label: str
    uid: str = ""
    via: str = "page"
    token: str = ""


class GuardedBackend(ModelBackend):
    """Django's own check of name and password, behind a count of failures."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the person, None for a wrong password. Raises ValidationError, which the form shows, when blocked."""
        if not username or password is None:
            return None
        account, address = username[:150].lower(), current.get().address
        if blocked(account, address):
            raise ValidationError(_("Too many wrong passwords. Try again in a quarter of an hour."), code="too-many")
        found = super().authenticate(request, username=username, password=password, **kwargs)
        if isinstance(found, User):
            _succeeded(found, account, address)
            return found
        _failed(account, address)
        return None


def blocked(account: str, address: str) -> bool:
    """Say whether no password is heard now."""
    of_account, of_address = Q(account=account), Q(address=address)
    counts = SignInFailure.objects.filter(of_account | of_address, at__gt=timezone.now() - WINDOW).aggregate(
        both=Count("pk", filter=of_account & of_address),
        account=Count("pk", filter=of_account),
        address=Count("pk", filter=of_address),
    )
    return bool(counts["both"] >= OF_BOTH or counts["account"] >= OF_EITHER or counts["address"] >= OF_EITHER)


def _succeeded(user: User, account: str, address: str) -> None:
    with transaction.atomic():
        SignInFailure.objects.filter(account=account, address=address).delete()
        viewer = viewer_of(user, via="page")
        audit.record(viewer=viewer, action="session.create", object=user.uid, label=user.username)


def _failed(account: str, address: str) -> None:
    with transaction.atomic():
        SignInFailure.objects.filter(at__lt=timezone.now() - KEPT).delete()
        SignInFailure.objects.create(account=account, address=address)
        audit.record(viewer=Nobody(account), action="session.create", label=account, result="failed")
