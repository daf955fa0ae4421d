"""Which hosts lead to an app, and whether it is closed for maintenance; the router learns of it at once."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.access import policy
from apps.access.viewer import Viewer
from apps.applications.models import App, Domain
from apps.audit import actions as audit
from apps.routes.actions import next_generation
from minato.drivers.wiring import drivers
from minato.errors import UserError
from minato.values import names


def add_domain(*, app: App, host: str, viewer: Viewer) -> Domain:
    """Let `host` lead to the app. Raises UserError `domain:user:*`."""
    policy.require(viewer, "app.update", app.team_id)
    host = host.strip().lower()
    _check(host)
    try:
        with transaction.atomic():
            domain = Domain.objects.create(app=app, host=host)
            _changed(app, viewer, "domain.add", {"host": host})
    except IntegrityError as error:
        message = _("The domain %s is taken.") % host
        raise UserError(code="domain:user:taken", message=message) from error
    return domain


def remove_domain(*, app: App, host: str, viewer: Viewer) -> None:
    """Let `host` lead nowhere. Raises UserError `domain:user:not-found`."""
    policy.require(viewer, "app.update", app.team_id)
    with transaction.atomic():
        gone, _rows = Domain.objects.filter(app=app, host=host).delete()
        if not gone:
            raise UserError(code="domain:user:not-found", message=_("There is no such domain."))
        _changed(app, viewer, "domain.remove", {"host": host})


def set_maintenance(*, app: App, on: bool, viewer: Viewer) -> None:
    """Close the app for its visitors (H80), or open it again."""
    policy.require(viewer, "app.update", app.team_id)
    with transaction.atomic():
        if App.objects.filter(pk=app.pk).exclude(maintenance=on).update(maintenance=on):
            _changed(app, viewer, "app.maintenance", {"on": on})
    app.maintenance = on


def _check(host: str) -> None:
    """The platform's own names are never somebody's domain."""
    apps_domain = settings.MINATO.apps_domain.lower()
    own = {apps_domain, settings.MINATO.url.split("://")[1].split(":")[0].lower()}
    if not names.is_host(host) or host in own or host.endswith(f".{apps_domain}"):
        message = _("This is not a domain that an app may have.")
        hint = _("A full host name such as shop.example.com.")
        raise UserError(code="domain:user:bad-host", message=message, hint=hint)


def _changed(app: App, viewer: Viewer, action: str, detail: dict[str, object]) -> None:
    audit.record(viewer=viewer, action=action, object=app.uid, label=app.name, team=app.team.uid, detail=detail)
    next_generation(reason=f"{app.uid} {action}")
    transaction.on_commit(lambda: drivers(settings.MINATO).streams.nudge("node"))
