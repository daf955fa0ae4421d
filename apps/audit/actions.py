"""Writing the audit log: one row per act, in the transaction of the act."""

from __future__ import annotations

from typing import Any, Protocol

from apps.audit.context import current
from apps.audit.models import Entry


class Actor(Protocol):
    """What a row needs of a Viewer."""

    @property
    def uid(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def via(self) -> str: ...
    @property
    def token(self) -> str: ...


def record(
    *,
    viewer: Actor | None,
    action: str,
    object: str = "",
    label: str = "",
    team: str = "",
    detail: dict[str, Any] | None = None,
    result: str = "done",
    request_id: str = "",
) -> Entry:
    """Add one row. `viewer` None is the platform itself; `object` and `team` are public ids; no secret in `detail`."""
    more = dict(detail or {})
    if viewer is not None and viewer.token:
        more.setdefault("token", viewer.token)
    return Entry.objects.create(
        actor=viewer.uid if viewer else "system",
        actor_label=viewer.label if viewer else "minato",
        via=viewer.via if viewer else "system",
        action=action,
        object=object,
        object_label=label[:150],
        team=team,
        result=result,
        detail=more,
        request_id=request_id or current.get().request_id,
    )
