"""Buttons: each one calls one action and goes back to where the person was."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from apps.dashboard.page import AppPage, attempt, back
from apps.deploys import actions
from apps.deploys.models import Deploy
from minato.release import parse_scale

ACTS = {"restart": actions.restart, "redeploy": actions.redeploy}


class Act(AppPage):
    """Restart, or build and deploy again."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, app: str, act: str) -> HttpResponse:
        if act not in ACTS:
            raise Http404
        attempt(request, lambda: ACTS[act](app=self.app, viewer=self.viewer))
        return back("app", self.app.name)


class Scale(AppPage):
    """One more or one fewer of a process type."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, app: str) -> HttpResponse:
        asked = request.POST.get("type", "") + request.POST.get("change", "")
        attempt(request, lambda: actions.scale(app=self.app, changes=[parse_scale(asked)], viewer=self.viewer))
        return back("app", self.app.name)


class Rollback(AppPage):
    """The old image with the old config, as a new release."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, app: str, number: int) -> HttpResponse:
        release = self.app.releases.filter(number=number).first()
        if release is None:
            raise Http404
        attempt(request, lambda: actions.rollback(app=self.app, release=release, viewer=self.viewer))
        return back("app-activity", self.app.name)


class Cancel(AppPage):
    """Ask for the end of a deploy; its page says when it has come."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, app: str, number: int) -> HttpResponse:
        deploy = Deploy.objects.filter(app=self.app, number=number).first()
        if deploy is None:
            raise Http404
        attempt(request, lambda: actions.cancel(deploy=deploy, viewer=self.viewer))
        return back("deploy", self.app.name, number)
