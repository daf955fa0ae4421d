"""Who asks at a door that pages and programs both use: a bearer token, or the session of a page."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from apps.access.viewer import Viewer
from apps.accounts import tokens
from apps.accounts.models import User
from apps.accounts.viewers import viewer_of
from doors import Scope
from doors.http import header


def viewer_at(scope: Scope) -> Viewer | None:
    """Return the caller, or None for nobody known. Uses the database: call it through `doors.database.ask`."""
    scheme, _, secret = header(scope, "authorization").partition(" ")
    if scheme:
        return tokens.authenticate(secret.strip(), via="api") if scheme.lower() == "bearer" else None
    return _by_session(header(scope, "cookie"))


def _by_session(cookie: str) -> Viewer | None:
    """Return who signed in on a page; Django itself checks the session and its password's hash."""
    try:
        found = SimpleCookie(cookie).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if found is None:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(found.value)
    user = get_user(request)
    return viewer_of(user, via="page") if isinstance(user, User) and user.is_active else None
