"""What lies below one app: how an endpoint finds it, and its config as people may see it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from apps.access import policy
from apps.access.rest import Endpoint
from apps.applications.models import App, ConfigVar
from minato.errors import UserError


class AppEndpoint(Endpoint):
    """A route below one app, addressed by name or id. A stranger cannot tell it from one that never was."""

    app: App
    needs: dict[str, str] = {"GET": "app.read"}  # method -> action of the policy

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        found = App.objects.visible_to(self.viewer).named(kwargs["app"]).select_related("team").first()
        if found is None:
            raise Http404
        self.app = found
        action = self.needs.get("GET" if request.method == "HEAD" else str(request.method))
        if action is not None:
            policy.require(self.viewer, action, found.team_id)

    def one(self, rows: QuerySet[Any]) -> Any:
        """Return the one row of this app, or answer 404."""
        found = rows.filter(app=self.app).first()
        if found is None:
            raise Http404
        return found


class ConfigVarShape(serializers.ModelSerializer[ConfigVar]):
    """A config var as people may see it: its value never comes out."""

    class Meta:
        model = ConfigVar
        fields = ("key", "fingerprint", "version", "updated")


def require_match(request: Request, tag: str) -> None:
    """Raise UserError `api:user:precondition` if `If-Match` names another state than `tag`."""
    given = request.headers.get("If-Match", "")
    if given and given != "*" and tag not in [one.strip() for one in given.split(",")]:
        message = _("It has changed since you read it.")
        raise UserError(code="api:user:precondition", message=message, hint=_("Read it again, then send the new ETag."))
