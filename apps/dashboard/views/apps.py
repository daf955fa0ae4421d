"""Apps: the list, a new one, and what one app is and did."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from apps.access.policy import Forbidden
from apps.accounts.models import Team
from apps.applications import actions as applications
from apps.dashboard import reads
from apps.dashboard.page import AppPage, Page, back
from apps.deploys.models import Deploy
from minato.errors import MinatoError


class AppList(Page):
    """All apps of the viewer's teams, with what was last seen of them."""

    section = "apps"

    def get(self, request: HttpRequest) -> HttpResponse:
        template = "apps/_list.html" if self.fragment else "apps/list.html"
        return self.show(template, rows=reads.app_rows(self.viewer))


class AppNew(Page):
    """A name and a team."""

    section = "apps"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()
        team = Team.objects.visible_to(self.viewer).filter(uid=request.POST.get("team", "")).first()
        if team is None:
            return self._form(name=name, status=422)
        try:
            app = applications.create_app(name=name, team=team, viewer=self.viewer)
            secret = applications.first_token(app=app, viewer=self.viewer)
        except Forbidden:
            raise
        except MinatoError as error:
            return self._form(name=name, chosen=team.uid, error=error, status=422)
        request.session[f"first-token:{app.uid}"] = applications.keep_first_token(app, secret) if secret else ""
        return back("app", app.name)

    def _form(self, status: int = 200, **more: object) -> HttpResponse:
        teams = Team.objects.visible_to(self.viewer).order_by("name")
        domain = f"{settings.MINATO.apps_domain}:{settings.MINATO.ports.router}"
        return self.show("apps/new.html", status, teams=teams, apps_domain=domain, **more)


class AppOverview(AppPage):
    """What runs, what should run, and how old that knowledge is."""

    def get(self, request: HttpRequest, app: str) -> HttpResponse:
        context = reads.overview(self.app)
        if self.fragment:
            answer = self.show("apps/_overview.html", fresh=True, secret="told" in request.GET, **context)
            first = context["running"]
            if first is not None and first.number == 1:
                answer["X-Go"] = f"/apps/{self.app.name}/deploys/1"
            return answer
        secret = applications.kept_first_token(self.app, request.session.pop(f"first-token:{self.app.uid}", ""))
        commands = reads.paste_commands(self.app, secret) if secret else ""
        return self.show("apps/overview.html", secret=secret, commands=commands, **context)


class AppActivity(AppPage):
    """Releases and deploys, newest first."""

    def get(self, request: HttpRequest, app: str) -> HttpResponse:
        template = "apps/_activity.html" if self.fragment else "apps/activity.html"
        return self.show(template, fresh=self.fragment, **reads.activity(self.app))


class AppLogs(AppPage):
    """What the app says, live."""

    action = "logs.read"

    def get(self, request: HttpRequest, app: str) -> HttpResponse:
        if self.fragment:
            return self.show("apps/_logs.html", **reads.app_context(self.app))
        api = f"/api/v1/apps/{self.app.name}/logs"
        return self.show("apps/logs.html", events=api, api=f"{settings.MINATO.url}{api}", **reads.app_context(self.app))


class DeployPage(AppPage):
    """One deploy from its first line to its last."""

    def get(self, request: HttpRequest, app: str, number: int) -> HttpResponse:
        deploy = Deploy.objects.filter(app=self.app, number=number).select_related("build", "release", "by").first()
        if deploy is None:
            raise Http404
        template = "apps/_deploy.html" if self.fragment else "apps/deploy.html"
        return self.show(template, fresh=self.fragment, **reads.deploy_context(self.app, deploy))
