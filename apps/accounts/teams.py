"""Teams and who is in them. A team always keeps an admin."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.access import policy
from apps.access.viewer import Viewer
from apps.accounts.models import Membership, Team, User
from apps.audit import actions as audit
from minato.errors import UserError
from minato.values import names

ROLES = tuple(role for role, _label in Membership.ROLES)


def create(*, name: str, viewer: Viewer) -> Team:
    """Return a new team whose admin is the viewer. Raises UserError `team:user:*`."""
    policy.require_unbound(viewer, "team.create")
    policy.require_scope(viewer, "admin", "team.create")
    if names.app_name_fault(name) == "grammar":
        message = _("This is not a name for a team.")
        hint = _("3 to 30 lower-case letters, digits and -, beginning with a letter, not ending with -.")
        raise UserError(code="team:user:bad-name", message=message, hint=hint)
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name)
            Membership.objects.create(team=team, user_id=viewer.user_id, role="admin")
            audit.record(viewer=viewer, action="team.create", object=team.uid, label=name, team=team.uid)
    except IntegrityError as error:
        raise UserError(code="team:user:name-taken", message=_("The name %s is taken.") % name) from error
    return team


def set_member(*, team: Team, username: str, role: str, viewer: Viewer) -> Membership:
    """Give somebody who has an account a role in the team. Raises UserError `team:user:*`."""
    _require_admin(team, viewer)
    check_role(role)
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        message = _("There is nobody called %s here.") % username[:30]
        raise UserError(code="team:user:unknown-person", message=message, hint=_("An operator can let them in."))
    with transaction.atomic():
        if role != "admin":
            _require_another_admin(team, user.pk)
        membership, _new = Membership.objects.update_or_create(team=team, user=user, defaults={"role": role})
        _record(team, user, "team.set-member", viewer, {"role": role})
    return membership


def remove_member(*, team: Team, user_uid: str, viewer: Viewer) -> None:
    """Take somebody out of the team; everybody may leave by themselves. Raises UserError `team:user:*`."""
    policy.require_unbound(viewer, "team.admin")
    policy.require_scope(viewer, "admin", "team.admin")
    if user_uid != viewer.uid:
        _require_admin(team, viewer)
    with transaction.atomic():
        membership = team.memberships.filter(user__uid=user_uid).select_related("user").first()
        if membership is None:
            raise UserError(code="team:user:not-found", message=_("There is no such member."))
        _require_another_admin(team, membership.user_id)
        membership.delete()
        _record(team, membership.user, "team.remove-member", viewer, {})


def check_role(role: str) -> None:
    if role not in ROLES:
        message = _("A role is one of: %s.") % ", ".join(ROLES)
        raise UserError(code="team:user:bad-role", message=message)


def _require_admin(team: Team, viewer: Viewer) -> None:
    policy.require_unbound(viewer, "team.admin")
    policy.require(viewer, "team.admin", team.pk)


def _require_another_admin(team: Team, user_id: int) -> None:
    admins = set(team.memberships.filter(role="admin").values_list("user_id", flat=True))
    if admins == {user_id}:
        message = _("A team keeps at least one admin.")
        raise UserError(code="team:user:last-admin", message=message, hint=_("Make somebody else an admin first."))


def _record(team: Team, user: User, action: str, viewer: Viewer, detail: dict[str, str]) -> None:
    audit.record(viewer=viewer, action=action, object=user.uid, label=user.username, team=team.uid, detail=detail)
