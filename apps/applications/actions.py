"""What people do with apps as such; what changes what runs is in `apps.deploys.actions`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.access import policy
from apps.access.viewer import Viewer
from apps.accounts import tokens
from apps.accounts.models import Team, User
from apps.applications.models import App
from apps.audit import actions as audit
from minato.drivers.wiring import drivers
from minato.errors import UserError
from minato.values import names

FIRST_SCOPES = ("read", "deploy")
SHOWN = "first-token"  # what it is sealed for; no config var can have this name


def create_app(*, name: str, team: Team, viewer: Viewer) -> App:
    """Return a new, empty app of `team` with its own sealed key. Raises UserError `app:user:*`."""
    policy.require_unbound(viewer, "app.create")
    policy.require(viewer, "app.create", team.pk)
    check_name(name)
    app = App(name=name, team=team)
    app.key = drivers(settings.MINATO).seal.new_key(app.uid)
    try:
        with transaction.atomic():
            app.save(force_insert=True)
            audit.record(viewer=viewer, action="app.create", object=app.uid, label=name, team=team.uid)
    except IntegrityError as error:
        message = _("The name %s is taken.") % name
        raise UserError(code="app:user:name-taken", message=message, hint=_("Choose another name.")) from error
    return app


def check_name(name: str) -> None:
    """Raise UserError unless an app may have this name."""
    fault = names.app_name_fault(name)
    if fault == "reserved":
        message = _("The name %s is reserved.") % name
        raise UserError(code="app:user:name-reserved", message=message, hint=_("Choose another name."))
    if fault:
        raise UserError(
            code="app:user:bad-name",
            message=_("This is not a name for an app."),
            hint=_("3 to 30 lower-case letters, digits and -, beginning with a letter, not ending with -."),
        )


def first_token(*, app: App, viewer: Viewer) -> str:
    """Return the secret of a token for one new app: read and deploy, as far as the viewer has them."""
    policy.require(viewer, "app.create", app.team_id)
    user = User.objects.get(pk=viewer.user_id)
    scopes = [scope for scope in FIRST_SCOPES if scope in viewer.scopes]
    return tokens.make(user=user, name=app.name, scopes=scopes, app=app, viewer=viewer)[1] if scopes else ""


def keep_first_token(app: App, secret: str) -> str:
    """Return a first token sealed, for the row of a session: there it waits to be shown once."""
    sealed = drivers(settings.MINATO).seal.seal(secret, app=app.uid, key=SHOWN, version=0, wrapped=bytes(app.key))
    return base64.b64encode(sealed).decode()


def kept_first_token(app: App, kept: str) -> str:
    """Return what was kept, or "" for nothing."""
    if not kept:
        return ""
    sealed = base64.b64decode(kept)
    return drivers(settings.MINATO).seal.open(sealed, app=app.uid, key=SHOWN, version=0, wrapped=bytes(app.key))


def update_app(*, app: App, changes: Mapping[str, str], viewer: Viewer) -> App:
    """Set `deploy_branch` and `check_path` ("" for the default); the next deploy takes them."""
    policy.require(viewer, "app.update", app.team_id)
    for field, value in changes.items():
        check_setting(field, value)
    changed = {field: value for field, value in changes.items() if getattr(app, field) != value}
    if not changed:
        return app
    with transaction.atomic():
        App.objects.filter(pk=app.pk).update(**changed)
        audit.record(
            viewer=viewer, action="app.update", object=app.uid, label=app.name, team=app.team.uid, detail=dict(changed)
        )
    app.refresh_from_db()
    return app


SETTINGS: dict[str, Callable[[str], bool]] = {"deploy_branch": names.is_branch, "check_path": names.is_check_path}


def check_setting(field: str, value: str) -> None:
    """Raise UserError for a setting that does not exist or a value it cannot have."""
    if field not in SETTINGS:
        raise UserError(code="app:user:unknown-setting", message=_("There is no setting %s.") % field[:40])
    if value and not SETTINGS[field](value):
        message = _("%s cannot be that.") % field
        hint = _("A branch is a name such as main; a check path begins with / and has no spaces.")
        raise UserError(code=f"app:user:bad-{field.replace('_', '-')}", message=message, hint=hint)
