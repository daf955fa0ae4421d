"""Deploys: every change of what runs; begin one, wait for it, end it."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.rest import Strict, paged
from apps.applications.api import AppEndpoint
from apps.deploys import actions
from apps.deploys.models import Deploy
from apps.releases.models import Release
from minato.drivers.wiring import drivers
from minato.errors import UserError

LONGEST_WAIT = 60.0  # seconds
KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key is the same deploy.")
WAIT = OpenApiParameter("wait", float, description="Answer when it is over, or after so many seconds (60 at most).")

SHOWN = Deploy.objects.select_related("app", "build", "release", "by")


class DeployShape(serializers.ModelSerializer[Deploy]):
    """One deploy; `code`, `message` and `hint` say why it failed."""

    id = serializers.CharField(source="uid")
    app = serializers.CharField(source="app.name")
    build = serializers.IntegerField(source="build.number", allow_null=True, default=None)
    release = serializers.IntegerField(source="release.number", allow_null=True, default=None)
    by = serializers.CharField(source="by.username", allow_null=True, default=None)
    over = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Deploy
        fields = (
            *("id", "number", "app", "kind", "state", "over", "url", "description", "build", "release"),
            *("by", "via", "cancel", "code", "message", "hint", "evidence"),
            *("created", "state_since", "deadline", "live_at", "finished"),
        )

    def get_over(self, deploy: Deploy) -> bool:
        return deploy.state in Deploy.OVER

    def get_url(self, deploy: Deploy) -> str:
        return _path(deploy)


def _path(deploy: Deploy) -> str:
    return f"/api/v1/apps/{deploy.app.name}/deploys/{deploy.number}"


def location(deploy: Deploy | None) -> dict[str, str]:
    """Return the header that leads to a deploy, if there is one."""
    return {} if deploy is None else {"Location": _path(deploy)}


def fresh(deploy: Deploy | None) -> Deploy | None:
    """Return the row as the database has it: times of a new one are expressions until then."""
    return None if deploy is None else SHOWN.get(pk=deploy.pk)


def accepted(deploy: Deploy) -> Response:
    """Return 202: the work has begun, and this is where to watch it."""
    return Response(DeployShape(fresh(deploy)).data, status.HTTP_202_ACCEPTED, headers=location(deploy))


class NewDeploy(Strict):
    kind = serializers.ChoiceField(choices=("restart", "redeploy"))


class Deploys(AppEndpoint):
    """Newest first."""

    needs = {"GET": "app.read", "POST": "app.deploy"}

    @extend_schema(responses=paged(DeployShape))
    def get(self, request: Request, app: str) -> Response:
        rows = SHOWN.filter(app=self.app)
        return self.page(rows, DeployShape, ordering="-number")

    @extend_schema(request=NewDeploy, responses={202: DeployShape}, parameters=[KEY])
    def post(self, request: Request, app: str) -> Response:
        """Restart what runs, or build its source once more."""
        kind = self.body(NewDeploy)["kind"]
        act = {"restart": actions.restart, "redeploy": actions.redeploy}[kind]
        return accepted(once(self, kind, lambda: act(app=self.app, viewer=self.viewer)))


def once(endpoint: AppEndpoint, kind: str, act: Callable[[], Deploy]) -> Deploy:
    """Return what `act` makes, made once per `Idempotency-Key`. Raises UserError for a key used otherwise."""
    key = endpoint.request.headers.get("Idempotency-Key", "")
    if not key:
        return act()
    if len(key) > 80:
        raise ValidationError({"Idempotency-Key": [_("80 characters at most.")]})
    if (known := _known(endpoint, kind, key)) is not None:
        return known
    try:
        with transaction.atomic():
            made = act()
            Deploy.objects.filter(pk=made.pk).update(idempotency_key=key)
    except IntegrityError:
        known = _known(endpoint, kind, key)
        if known is None:
            raise
        return known
    return made


def _known(endpoint: AppEndpoint, kind: str, key: str) -> Deploy | None:
    known = Deploy.objects.filter(app=endpoint.app, idempotency_key=key).first()
    if known is not None and known.kind != kind:
        raise UserError(code="api:user:key-reused", message=_("This Idempotency-Key was used for something else."))
    return known


class DeployItem(AppEndpoint):
    @extend_schema(responses=DeployShape, parameters=[WAIT])
    def get(self, request: Request, app: str, number: int) -> Response:
        """One deploy; with `?wait=30` the answer comes when it is over, or after 30 seconds."""
        rows = SHOWN.filter(number=number)
        deploy = self.one(rows)
        deadline = time.monotonic() + _seconds(request)
        while deploy.state not in Deploy.OVER and (left := deadline - time.monotonic()) > 0:
            drivers(settings.MINATO).streams.wait(f"deploy:{deploy.uid}", timeout=min(1.0, left))
            deploy = self.one(rows)
        return Response(DeployShape(deploy).data)


def _seconds(request: Request) -> float:
    try:
        return min(max(float(request.query_params.get("wait") or 0), 0.0), LONGEST_WAIT)
    except ValueError as error:
        raise ValidationError({"wait": [_("Not a number of seconds.")]}) from error


class Cancel(AppEndpoint):
    needs = {"POST": "app.deploy"}

    @extend_schema(request=None, responses={202: DeployShape})
    def post(self, request: Request, app: str, number: int) -> Response:
        """Ask for its end; it is cancelled when all that it started is gone."""
        deploy = self.one(Deploy.objects.filter(number=number).select_related("app"))
        return accepted(actions.cancel(deploy=deploy, viewer=self.viewer))


class Rollback(AppEndpoint):
    needs = {"POST": "app.deploy"}

    @extend_schema(request=None, responses={202: DeployShape}, parameters=[KEY])
    def post(self, request: Request, app: str, number: int) -> Response:
        """Release that image and config again, under a new number."""
        release = self.one(Release.objects.filter(number=number))
        act = lambda: actions.rollback(app=self.app, release=release, viewer=self.viewer)  # noqa: E731
        return accepted(once(self, "rollback", act))


urlpatterns = [
    path("apps/<str:app>/deploys", Deploys.as_view()),
    path("apps/<str:app>/deploys/<int:number>", DeployItem.as_view()),
    path("apps/<str:app>/deploys/<int:number>/cancel", Cancel.as_view()),
    path("apps/<str:app>/releases/<int:number>/rollback", Rollback.as_view()),
]
