"""The one question: may this viewer do that? Deny by default."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.access.viewer import Viewer
from minato.errors import UserError

ANY = frozenset({"member", "admin"})
ADMINS = frozenset({"admin"})

# action -> (scope a token needs, roles that may)
ACTIONS: dict[str, tuple[str, frozenset[str]]] = {
    "app.read": ("read", ANY),
    "app.create": ("admin", ANY),
    "app.update": ("admin", ANY),
    "app.delete": ("admin", ADMINS),
    "app.deploy": ("deploy", ANY),
    "app.scale": ("deploy", ANY),
    "config.read": ("config", ANY),
    "config.write": ("config", ANY),
    "logs.read": ("read", ANY),
    "team.read": ("read", ANY),
    "team.admin": ("admin", ADMINS),
}


class Forbidden(UserError):  # noqa: N818  (the word of the API and the audit log)
    """Known, but not allowed. Whoever answers it writes a `denied` row."""

    def __init__(self, action: str, message: str, hint: str) -> None:
        super().__init__(code="access:user:forbidden", message=message, hint=hint)
        self.action = action


def allowed(viewer: Viewer, action: str, team_id: int) -> bool:
    """Say whether role and scope both allow `action` in a team; an unknown action is never allowed."""
    if action not in ACTIONS:
        return False
    scope, roles = ACTIONS[action]
    return scope in viewer.scopes and viewer.role(team_id) in roles


def require(viewer: Viewer, action: str, team_id: int) -> None:
    """Raise UserError `access:user:forbidden` unless allowed. Call it after the object was found by `visible_to`."""
    if not allowed(viewer, action, team_id):
        raise forbidden(viewer, action, ACTIONS[action][0] if action in ACTIONS else "?")


def require_scope(viewer: Viewer, scope: str, action: str) -> None:
    """Raise unless the viewer's token has `scope`: for what lies in no team."""
    if scope not in viewer.scopes:
        raise forbidden(viewer, action, scope)


def require_unbound(viewer: Viewer, action: str) -> None:
    """Raise for a token bound to one app: it reaches nothing beside that app."""
    if viewer.app:
        message = _("This token is bound to one app (%s).") % action
        raise Forbidden(action, message, _("Use a token that is not bound to an app, or sign in."))


def require_operator(viewer: Viewer, action: str) -> None:
    """Raise Forbidden `access:user:forbidden` unless the viewer operates the platform."""
    if not viewer.operator:
        message = _("%(who)s may not do this (%(action)s).") % {"who": viewer.label, "action": action}
        raise Forbidden(action, message, _("Only an operator lets new people in: ask one."))


def forbidden(viewer: Viewer, action: str, scope: str) -> Forbidden:
    """Return the error that says what is missing."""
    message = _("%(who)s may not do this (%(action)s).") % {"who": viewer.label, "action": action}
    hint = _("It needs the scope %s and a role that allows it; ask an admin of the team.") % scope
    return Forbidden(action, message, hint)
