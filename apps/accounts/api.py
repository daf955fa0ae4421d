"""Me, my tokens, teams and their people, and what was done."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import policy
from apps.access.rest import Endpoint, Strict, Text, paged
from apps.access.viewer import SCOPES
from apps.accounts import links, teams, tokens
from apps.accounts.models import Membership, Team, Token, User
from apps.audit.models import Entry


class MeShape(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    operator = serializers.BooleanField()
    scopes = serializers.ListField(child=serializers.CharField())
    app = serializers.CharField(help_text="The app that the token is bound to, or an empty string.")
    teams = serializers.ListField(child=serializers.CharField(), help_text="Names of the teams you are a member of.")


class TokenShape(serializers.ModelSerializer[Token]):
    id = serializers.CharField(source="uid")
    app = serializers.CharField(source="app_uid")

    class Meta:
        model = Token
        fields = ("id", "name", "prefix", "scopes", "app", "created", "expires_at", "last_used_at", "revoked_at")


class NewToken(Strict):
    name = Text(max_length=60, default="token")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), allow_empty=False)
    days = serializers.IntegerField(min_value=1, max_value=tokens.LONGEST_DAYS, default=90)


class MadeTokenShape(TokenShape):
    """A token at its birth: `token` is the secret, shown this once."""

    token = serializers.CharField()

    class Meta(TokenShape.Meta):
        fields = ("token", *TokenShape.Meta.fields)  # type: ignore[assignment]


class TeamShape(serializers.ModelSerializer[Team]):
    id = serializers.CharField(source="uid")

    class Meta:
        model = Team
        fields = ("id", "name", "created")


class NewTeam(Strict):
    name = Text(max_length=30)


class MemberShape(serializers.ModelSerializer[Membership]):
    id = serializers.CharField(source="user.uid")
    name = serializers.CharField(source="user.username")

    class Meta:
        model = Membership
        fields = ("id", "name", "role")


class NewMember(Strict):
    name = Text(max_length=30)
    role = serializers.ChoiceField(choices=teams.ROLES, default="member")


class EntryShape(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = (
            *("seq", "at", "actor", "actor_label", "via", "action", "object", "object_label"),
            *("team", "result", "detail", "request_id"),
        )


InviteShape = inline_serializer("Invite", {"url": serializers.URLField(help_text="Works once, for 24 hours.")})


class Me(Endpoint):
    """Who the API thinks you are."""

    @extend_schema(responses=MeShape)
    def get(self, request: Request) -> Response:
        viewer = self.viewer
        mine = Membership.objects.filter(user_id=viewer.user_id).order_by("team__name")
        me = {
            "id": viewer.uid,
            "name": viewer.label,
            "operator": viewer.operator,
            "scopes": [scope for scope in SCOPES if scope in viewer.scopes],
            "app": viewer.app,
            "teams": [] if viewer.app else list(mine.values_list("team__name", flat=True)),
        }
        return Response(MeShape(me).data)


class Tokens(Endpoint):
    """Your own tokens; secrets are shown once."""

    @extend_schema(responses=paged(TokenShape))
    def get(self, request: Request) -> Response:
        policy.require_unbound(self.viewer, "token.list")
        policy.require_scope(self.viewer, "read", "token.list")
        mine = Token.objects.filter(user_id=self.viewer.user_id, revoked_at__isnull=True, expires_at__gt=timezone.now())
        return self.page(mine, TokenShape, ordering="-id")

    @extend_schema(request=NewToken, responses={201: MadeTokenShape})
    def post(self, request: Request) -> Response:
        user = cast(User, request.user)
        token, secret = tokens.make(user=user, viewer=self.viewer, **self.body(NewToken))
        token.token = secret  # type: ignore[attr-defined]
        headers = {"Location": f"/api/v1/tokens/{token.uid}"}
        return Response(MadeTokenShape(token).data, status.HTTP_201_CREATED, headers=headers)


class TokenItem(Endpoint):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, token: str) -> Response:
        """Revoke it: from now on it is unknown."""
        if not Token.objects.filter(user_id=self.viewer.user_id, uid=token).exists():
            raise Http404
        policy.require_scope(self.viewer, "admin", "token.revoke")
        tokens.revoke(uid=token, viewer=self.viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Teams(Endpoint):
    """The teams that you can see."""

    @extend_schema(responses=paged(TeamShape))
    def get(self, request: Request) -> Response:
        policy.require_unbound(self.viewer, "team.read")
        policy.require_scope(self.viewer, "read", "team.read")
        return self.page(Team.objects.visible_to(self.viewer), TeamShape, ordering="name")

    @extend_schema(request=NewTeam, responses={201: TeamShape})
    def post(self, request: Request) -> Response:
        team = teams.create(viewer=self.viewer, **self.body(NewTeam))
        headers = {"Location": f"/api/v1/teams/{team.name}"}
        return Response(TeamShape(team).data, status.HTTP_201_CREATED, headers=headers)


class TeamEndpoint(Endpoint):
    """A route below one team, which a stranger cannot tell from one that never was."""

    team: Team

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        visible = Team.objects.none() if self.viewer.app else Team.objects.visible_to(self.viewer)
        found = visible.named(kwargs["team"]).first()
        if found is None:
            raise Http404
        self.team = found
        policy.require(self.viewer, "team.read", found.pk)


class TeamItem(TeamEndpoint):
    @extend_schema(responses=TeamShape)
    def get(self, request: Request, team: str) -> Response:
        return Response(TeamShape(self.team).data)


class Members(TeamEndpoint):
    """Who is in the team, and as what."""

    @extend_schema(responses=paged(MemberShape))
    def get(self, request: Request, team: str) -> Response:
        return self.page(self.team.memberships.select_related("user"), MemberShape, ordering="id")

    @extend_schema(request=NewMember, responses=MemberShape)
    def post(self, request: Request, team: str) -> Response:
        """Give somebody who has an account a role in the team."""
        body = self.body(NewMember)
        made = teams.set_member(team=self.team, username=body["name"], role=body["role"], viewer=self.viewer)
        return Response(MemberShape(made).data)


class MemberItem(TeamEndpoint):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, team: str, user: str) -> Response:
        """Take somebody, by id or name, out of the team."""
        found = self.team.memberships.filter(Q(user__uid=user) | Q(user__username=user)).select_related("user").first()
        if found is None:
            raise Http404
        teams.remove_member(team=self.team, user_uid=found.user.uid, viewer=self.viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Invites(TeamEndpoint):
    @extend_schema(request=NewMember, responses={201: InviteShape})
    def post(self, request: Request, team: str) -> Response:
        """Make a one-time link for somebody new; they choose a password there."""
        body = self.body(NewMember)
        url = links.invite(team=self.team, username=body["name"], role=body["role"], viewer=self.viewer)
        return Response({"url": url}, status.HTTP_201_CREATED)


class Audit(Endpoint):
    """What was done in your teams and by you, newest first; operators see all."""

    @extend_schema(responses=paged(EntryShape))
    def get(self, request: Request) -> Response:
        policy.require_scope(self.viewer, "read", "audit.read")
        return self.page(self._visible(), EntryShape, ordering="-seq")

    def _visible(self) -> QuerySet[Entry]:
        if self.viewer.app:
            return Entry.objects.filter(object=self.viewer.app)
        if self.viewer.operator:
            return Entry.objects.all()
        mine = Team.objects.visible_to(self.viewer).values_list("uid", flat=True)
        return Entry.objects.filter(Q(team__in=list(mine)) | Q(actor=self.viewer.uid))


urlpatterns = [
    path("me", Me.as_view()),
    path("tokens", Tokens.as_view()),
    path("tokens/<str:token>", TokenItem.as_view()),
    path("teams", Teams.as_view()),
    path("teams/<str:team>", TeamItem.as_view()),
    path("teams/<str:team>/members", Members.as_view()),
    path("teams/<str:team>/members/<str:user>", MemberItem.as_view()),
    path("teams/<str:team>/invites", Invites.as_view()),
    path("audit", Audit.as_view()),
]
