"""Config vars: keys with fingerprints come out, values only go in."""

from __future__ import annotations

from typing import Any, cast

from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.applications.api import AppEndpoint, ConfigVarShape, require_match
from apps.deploys import actions
from apps.deploys.api.deploys import DeployShape, fresh, location


class ConfigShape(serializers.Serializer[Any]):
    """All config vars. `deploy` is the deploy that a change began, or null: nothing runs that it would change."""

    version = serializers.IntegerField()
    items = ConfigVarShape(many=True)
    deploy = DeployShape(allow_null=True)


class Config(AppEndpoint):
    needs = {"GET": "config.read", "PATCH": "config.write"}

    @extend_schema(responses=ConfigShape)
    def get(self, request: Request, app: str) -> Response:
        """Keys, fingerprints and versions; never a value."""
        return self._answer(None)

    @extend_schema(
        request={"application/json": {"type": "object", "additionalProperties": {"type": ["string", "null"]}}},
        responses={200: ConfigShape, 202: ConfigShape},
    )
    def patch(self, request: Request, app: str) -> Response:
        """Set each key to its string, remove the ones that are null, and release it; equal values change nothing."""
        require_match(request, self._tag())
        deploy = actions.set_config(app=self.app, changes=_changes(request.data), viewer=self.viewer)
        self.app.refresh_from_db()
        return self._answer(deploy)

    def _tag(self) -> str:
        return f'"c{self.app.config_version}"'

    def _answer(self, deploy: Any) -> Response:
        items = self.app.config.order_by("key")
        shown = ConfigShape({"version": self.app.config_version, "items": items, "deploy": fresh(deploy)}).data
        headers = {"ETag": self._tag(), **location(deploy)}
        return Response(shown, status.HTTP_202_ACCEPTED if deploy else status.HTTP_200_OK, headers=headers)


def _changes(data: Any) -> dict[str, str | None]:
    """Return the changes of a merge patch. Raises ValidationError for what is no string and not null."""
    if not isinstance(data, dict):
        raise ValidationError(_("An object of keys and values is needed."))
    wrong = [key for key, value in data.items() if not isinstance(value, str | None)]
    if wrong:
        raise ValidationError({key: [_("Not a string and not null.")] for key in wrong})
    return cast(dict[str, str | None], data)


urlpatterns = [path("apps/<str:app>/config", Config.as_view())]
