"""Apps: the list, a new one, one as it was last seen, its settings and its end."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import policy
from apps.access.rest import Endpoint, Pages, Strict, Text, paged
from apps.accounts.models import Membership, Team
from apps.applications import actions as applications
from apps.applications.api import AppEndpoint
from apps.applications.models import App
from apps.deploys import actions, reads
from apps.routes.hosts import set_maintenance
from minato.errors import UserError

STATUSES = ("created", "deploying", "starting", "running", "degraded", "crashed", "stopped", "unknown")


class InstanceShape(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="web.1")
    process = serializers.CharField()
    release = serializers.CharField()
    deploy = serializers.IntegerField()
    state = serializers.CharField(help_text="created, running, restarting, or unknown: not seen for 10 s.")
    ready = serializers.BooleanField(help_text="The router's own probe says so.")
    exit_code = serializers.IntegerField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    observed_at = serializers.DateTimeField()


class AppRowShape(serializers.Serializer[Any]):
    """An app in a list. `status` is the last observation; `observed_age` says how old it is, in seconds."""

    id = serializers.CharField(source="app.uid")
    name = serializers.CharField(source="app.name")
    team = serializers.CharField(source="app.team.name")
    status = serializers.ChoiceField(choices=STATUSES)
    why = serializers.CharField()
    release = serializers.CharField(help_text="v6, or an empty string before the first release.")
    deploy = serializers.IntegerField(allow_null=True, help_text="Number of the deploy under way.")
    ready = serializers.IntegerField()
    desired = serializers.IntegerField()
    url = serializers.URLField()
    git_url = serializers.URLField()
    observed_at = serializers.DateTimeField(allow_null=True)
    observed_age = serializers.FloatField(allow_null=True)
    created = serializers.DateTimeField(source="app.created")


class AppShape(AppRowShape):
    """One app, with its settings and instances."""

    deploy_branch = serializers.CharField(source="app.deploy_branch", help_text="Empty: main or master.")
    check_path = serializers.CharField(source="app.check_path", help_text="Empty: any answer means ready.")
    maintenance = serializers.BooleanField(source="app.maintenance")
    domains = serializers.SerializerMethodField()
    instances = serializers.SerializerMethodField()

    def get_domains(self, found: reads.Summary) -> list[str]:
        return list(found.app.domains.order_by("host").values_list("host", flat=True))

    @extend_schema_field(InstanceShape(many=True))
    def get_instances(self, found: reads.Summary) -> list[dict[str, Any]]:
        return InstanceShape(reads.instances(found.app), many=True).data  # type: ignore[return-value]


class MadeAppShape(AppShape):
    """An app at its birth: `token` may read and deploy it, and is shown this once."""

    token = serializers.CharField()


class NewApp(Strict):
    name = Text(max_length=30)
    team = Text(max_length=30, required=False, help_text="Name or id; may be left out by a member of one team.")


class AppChanges(Strict):
    deploy_branch = Text(max_length=100, required=False, allow_blank=True)
    check_path = Text(max_length=200, required=False, allow_blank=True)
    maintenance = serializers.BooleanField(required=False)


class Deletion(Strict):
    confirm = Text(max_length=30, help_text="The app's name, typed out.")


class DeletedShape(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=("deleting",))


class Apps(Endpoint):
    """The apps of your teams, by name."""

    @extend_schema(responses=paged(AppRowShape))
    def get(self, request: Request) -> Response:
        policy.require_scope(self.viewer, "read", "app.read")
        pages = Pages()
        pages.ordering = ("name",)
        rows: QuerySet[App] = App.objects.visible_to(self.viewer).select_related("team")
        found = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(AppRowShape([reads.summary(app) for app in found], many=True).data)

    @extend_schema(request=NewApp, responses={201: MadeAppShape})
    def post(self, request: Request) -> Response:
        """Make an empty app; the answer has a token to push with."""
        body = self.body(NewApp)
        app = applications.create_app(name=body["name"], team=self._team(body.get("team", "")), viewer=self.viewer)
        token = applications.first_token(app=app, viewer=self.viewer)
        shown = {**AppShape(reads.summary(app)).data, "token": token}
        return Response(shown, status.HTTP_201_CREATED, headers={"Location": f"/api/v1/apps/{app.name}"})

    def _team(self, asked: str) -> Team:
        """Return the team that was named, else the one that the viewer joined first."""
        if asked:
            found = Team.objects.visible_to(self.viewer).named(asked).first()
        else:
            mine = Membership.objects.filter(user_id=self.viewer.user_id).select_related("team").order_by("pk").first()
            found = mine.team if mine else None
        if found is None:
            message = _("There is no such team.") if asked else _("You are in no team yet.")
            raise UserError(
                code="app:user:team", message=message, hint=_("Name one of your teams in “team”, or create one.")
            )
        return found


class AppItem(AppEndpoint):
    """One app, by name or id."""

    needs = {"GET": "app.read", "PATCH": "app.update", "DELETE": "app.delete"}

    @extend_schema(responses=AppShape)
    def get(self, request: Request, app: str) -> Response:
        """What runs, where it answers, and when that was last seen."""
        return Response(AppShape(reads.summary(self.app)).data)

    @extend_schema(request=AppChanges, responses=AppShape)
    def patch(self, request: Request, app: str) -> Response:
        """Change settings. Maintenance acts at once, the others with the next deploy."""
        body = self.body(AppChanges)
        on = body.pop("maintenance", None)
        applications.update_app(app=self.app, changes=body, viewer=self.viewer)
        if on is not None:
            set_maintenance(app=self.app, on=on, viewer=self.viewer)
        return Response(AppShape(reads.summary(self.app)).data)

    @extend_schema(request=Deletion, responses={202: DeletedShape})
    def delete(self, request: Request, app: str) -> Response:
        """Delete it and all that it has. Its name must be in the body."""
        if self.body(Deletion)["confirm"] != self.app.name:
            message = _("The name was not typed as it is: nothing was deleted.")
            raise UserError(code="app:user:confirm", message=message, hint=_('Send {"confirm": "<name>"}.'))
        actions.delete_app(app=self.app, viewer=self.viewer)
        gone = {"id": self.app.uid, "name": self.app.name, "status": "deleting"}
        return Response(gone, status.HTTP_202_ACCEPTED)


urlpatterns = [path("apps", Apps.as_view()), path("apps/<str:app>", AppItem.as_view())]
