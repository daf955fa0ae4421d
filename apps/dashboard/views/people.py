"""Teams, tokens and the audit log."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property

from apps.access import policy
from apps.access.viewer import SCOPES
from apps.accounts import links, teams, tokens
from apps.accounts.models import Team, Token, User
from apps.audit.models import Entry
from apps.dashboard.page import Page, attempt, back

PAGE = 100


class Teams(Page):
    """The viewer's teams, and a new one."""

    section = "teams"

    def get(self, request: HttpRequest) -> HttpResponse:
        mine = Team.objects.visible_to(self.viewer).order_by("name")
        counted = mine.annotate(
            people=Count("memberships", distinct=True),
            owned=Count("apps", distinct=True, filter=Q(apps__deleted_at__isnull=True)),
        )
        return self.show("people/teams.html", teams=counted)

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()
        if attempt(request, lambda: teams.create(name=name, viewer=self.viewer)):
            return back("team", name)
        return back("teams")


class TeamPage(Page):
    """Members and invitations of one team."""

    section = "teams"

    @cached_property
    def team(self) -> Team:
        found = Team.objects.visible_to(self.viewer).filter(name=self.kwargs["team"]).first()
        if found is None:
            raise Http404
        return found

    def get(self, request: HttpRequest, team: str) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest, team: str) -> HttpResponse:
        if uid := request.POST.get("remove"):
            attempt(request, lambda: teams.remove_member(team=self.team, user_uid=uid, viewer=self.viewer))
            return (
                back("team", self.team.name)
                if self.team.memberships.filter(user_id=self.viewer.user_id)
                else back("teams")
            )
        made: list[str] = []
        attempt(request, lambda: made.append(self._let_in(request.POST.get("username", "").strip())))
        return self._page(link=made[0]) if made and made[0] else back("team", self.team.name)

    def _let_in(self, name: str) -> str:
        """Make somebody with an account a member; return the link for anybody else, which operators alone can make."""
        role = self.request.POST.get("role", "member")
        if self.viewer.operator and not User.objects.filter(username=name).exists():
            return links.invite(team=self.team, username=name, role=role, viewer=self.viewer)
        teams.set_member(team=self.team, username=name, role=role, viewer=self.viewer)
        return ""

    def _page(self, **more: Any) -> HttpResponse:
        members = self.team.memberships.select_related("user").order_by("user__username")
        may_admin = policy.allowed(self.viewer, "team.admin", self.team.pk)
        return self.show(
            "people/team.html", team=self.team, members=members, may_admin=may_admin, viewer=self.viewer, **more
        )


class Tokens(Page):
    """The viewer's own tokens; the secret is shown once."""

    section = "tokens"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest) -> HttpResponse:
        user = cast(User, request.user)
        if uid := request.POST.get("revoke"):
            attempt(request, lambda: tokens.revoke(uid=uid, viewer=self.viewer))
            return back("tokens")
        made: list[str] = []
        asked = request.POST

        def make() -> None:
            given = asked.get("days") or "90"
            days = int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 90
            scopes = asked.getlist("scopes")
            made.append(
                tokens.make(user=user, name=asked.get("name", ""), scopes=scopes, days=days, viewer=self.viewer)[1]
            )

        attempt(request, make)
        return self._page(secret=made[0] if made else "")

    def _page(self, **more: Any) -> HttpResponse:
        mine = Token.objects.live().filter(user_id=self.viewer.user_id).order_by("-created")
        return self.show("people/tokens.html", tokens=mine, scopes=SCOPES, **more)


class AuditPage(Page):
    """What was done in the viewer's teams, newest first; operators see all."""

    section = "audit"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Entry.objects.order_by("-seq")
        if not self.viewer.operator:
            mine = Team.objects.visible_to(self.viewer).values_list("uid", flat=True)
            rows = rows.filter(Q(team__in=list(mine)) | Q(actor=self.viewer.uid))
        before = request.GET.get("before", "")
        if before.isascii() and before.isdigit() and len(before) < 19:
            rows = rows.filter(seq__lt=int(before))
        page = list(rows[: PAGE + 1])
        older = page[PAGE - 1].seq if len(page) > PAGE else None
        return self.show("people/audit.html", entries=page[:PAGE], older=older)
