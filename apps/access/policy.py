"""The one question: may this viewer do that? Deny by default."""

from __future__ import annotations

from apps.access.viewer import Viewer
from minato.errors import UserError

# action -> (scope a token needs, roles that may)
ACTIONS: dict[str, tuple[str, frozenset[str]]] = {
    "app.read": ("read", frozenset({"member", "admin"})),
    "app.create": ("admin", frozenset({"member", "admin"})),
    "app.update": ("admin", frozenset({"member", "admin"})),
    "app.delete": ("admin", frozenset({"admin"})),
    "app.deploy": ("deploy", frozenset({"member", "admin"})),
    "app.scale": ("deploy", frozenset({"member", "admin"})),
    "config.read": ("config", frozenset({"member", "admin"})),
    "config.write": ("config", frozenset({"member", "admin"})),
    "logs.read": ("read", frozenset({"member", "admin"})),
    "team.read": ("read", frozenset({"member", "admin"})),
    "team.admin": ("admin", frozenset({"admin"})),
}


def allowed(viewer: Viewer, action: str, team_id: int) -> bool:
    """Say whether role and scope both allow `action` in a team; an unknown action is never allowed."""
    if action not in ACTIONS:
        return False
    scope, roles = ACTIONS[action]
    return scope in viewer.scopes and viewer.role(team_id) in roles


def require(viewer: Viewer, action: str, team_id: int) -> None:
    """Raise UserError `access:user:forbidden` unless allowed. Call it after the object was found by `visible_to`."""
    if not allowed(viewer, action, team_id):
        scope = ACTIONS[action][0] if action in ACTIONS else "unknown"
        raise UserError(
            code="access:user:forbidden",
            message=f"{viewer.label} may not do this ({action}).",
            hint=f"It needs the scope {scope} and a role that allows it; ask an admin of the team.",
        )
