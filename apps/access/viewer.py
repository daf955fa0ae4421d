"""Viewer: who asks, what their teams and scopes are. A value; it knows public ids and no User row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCOPES = ("read", "deploy", "config", "admin")


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """One authenticated caller. `teams` maps a team's primary key to the role held there."""

    user_id: int
    uid: str
    label: str  # user name, for people and the audit log
    via: str  # page, api, git
    operator: bool = False
    teams: Mapping[int, str] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset(SCOPES)
    app: str = ""  # a token bound to one app: its public id
    token: str = ""  # the token's public id, or "" for a session

    def role(self, team_id: int) -> str:
        return self.teams.get(team_id, "")
