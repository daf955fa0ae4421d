"""Process types: how many run, and the scale grammar of Heroku."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.applications.api import AppEndpoint, require_match
from apps.applications.models import Process
from apps.deploys import actions
from apps.deploys.api.deploys import DeployShape, fresh, location
from minato.release.formation import Change, parse_scale


class ProcessShape(serializers.ModelSerializer[Process]):
    id = serializers.CharField(source="uid")
    crash_lines = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Process
        fields = ("id", "type", "command", "quantity", "size", "crashed_at", "crash_exit_code", "crash_lines")


class ProcessesShape(serializers.Serializer[Any]):
    """All process types. `deploy` is the deploy that a change began."""

    items = ProcessShape(many=True)
    deploy = DeployShape(allow_null=True)


SCALE = {
    "oneOf": [
        {"type": "object", "additionalProperties": {"type": "string"}, "example": {"web": "=3:medium", "worker": "+1"}},
        {"type": "array", "items": {"type": "string"}, "example": ["web=3:medium", "worker+1"]},
    ]
}


class Processes(AppEndpoint):
    needs = {"GET": "app.read", "PATCH": "app.scale"}

    @extend_schema(responses=ProcessesShape)
    def get(self, request: Request, app: str) -> Response:
        return self._answer(None)

    @extend_schema(request={"application/json": SCALE}, responses={200: ProcessesShape, 202: ProcessesShape})
    def patch(self, request: Request, app: str) -> Response:
        """Change how many run and how big they are."""
        require_match(request, self._tag())
        return self._answer(actions.scale(app=self.app, changes=_changes(request.data), viewer=self.viewer))

    def _tag(self) -> str:
        return '"' + ",".join(f"{one.type}={one.quantity}:{one.size}" for one in self.app.formation()) + '"'

    def _answer(self, deploy: Any) -> Response:
        shown = ProcessesShape({"items": self.app.processes.order_by("type"), "deploy": fresh(deploy)}).data
        headers = {"ETag": self._tag(), **location(deploy)}
        return Response(shown, status.HTTP_202_ACCEPTED if deploy else status.HTTP_200_OK, headers=headers)


def _changes(data: Any) -> list[Change]:
    """Return the changes of either form. Raises ValidationError, or UserError `scale:user:grammar`."""
    texts = data if isinstance(data, list) else None
    if isinstance(data, dict):
        texts = [f"{kind}{_amount(amount)}" for kind, amount in data.items()]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValidationError(_('Send {"web": "=3:medium"} or ["web=3:medium"].'))
    return [parse_scale(text) for text in texts]


def _amount(amount: Any) -> str:
    """A bare number means exactly that many."""
    return f"={amount}" if isinstance(amount, int) and not isinstance(amount, bool) else str(amount)


urlpatterns = [path("apps/<str:app>/processes", Processes.as_view())]
