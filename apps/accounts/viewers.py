"""From a user row to the Viewer value that everything else knows."""

from __future__ import annotations

from apps.access.viewer import SCOPES, Viewer
from apps.accounts.models import Membership, Team, Token, User


def viewer_of(user: User, *, via: str, token: Token | None = None) -> Viewer:
    """Return who asks: an operator acts as an admin of every team, a token has its own scopes and app alone."""
    return Viewer(
        user_id=user.pk,
        uid=user.uid,
        label=user.username,
        via=via,
        operator=user.is_operator,
        teams=_roles(user),
        scopes=frozenset(SCOPES if token is None else token.scopes),
        app=token.app_uid if token else "",
        token=token.uid if token else "",
    )


def _roles(user: User) -> dict[int, str]:
    if user.is_operator:
        return dict.fromkeys(Team.objects.values_list("pk", flat=True), "admin")
    return dict(Membership.objects.filter(user=user).values_list("team_id", "role"))
