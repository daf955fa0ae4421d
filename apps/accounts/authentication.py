"""How the API knows who asks: a bearer token, or the session of a page with its CSRF token."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.access.viewer import Viewer
from apps.accounts import tokens
from apps.accounts.models import User
from apps.accounts.viewers import viewer_of

REALM = 'Bearer realm="minato"'


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; `request.auth` is the Viewer. A token in a query string is never looked at."""

    def authenticate(self, request: Request) -> tuple[User, Viewer] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.find(secret.strip())
        if token is None:
            raise AuthenticationFailed(_("This token is unknown, expired or revoked."))
        return token.user, viewer_of(token.user, via="api", token=token)

    def authenticate_header(self, request: Request) -> str:
        return REALM


class PageAuthentication(SessionAuthentication):
    """The session of somebody who signed in on a page; changes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, Viewer] | None:
        found = super().authenticate(request)
        if found is None or not isinstance(found[0], User):
            return None
        return found[0], viewer_of(found[0], via="page")

    def authenticate_header(self, request: Request) -> str:
        return REALM
