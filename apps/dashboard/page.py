"""What every page shares: the viewer, the app it may see, and errors as banners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.functional import cached_property
from django.views import View

from apps.access import policy
from apps.access.policy import Forbidden
from apps.access.viewer import Viewer
from apps.accounts.models import User
from apps.accounts.viewers import viewer_of
from apps.applications.models import App
from apps.audit import actions as audit
from minato.errors import MinatoError


class Page(View):
    """A view of a signed-in person (LoginRequiredMiddleware sends everybody else to the sign-in page)."""

    section = ""

    @cached_property
    def viewer(self) -> Viewer:
        return viewer_of(cast(User, self.request.user), via="page")

    @property
    def fragment(self) -> bool:
        """Whether a live region asks for its own part alone."""
        return self.request.headers.get("X-Fragment") == "1"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer what a member may not do with a 403, and write it down."""
        try:
            if request.user.is_authenticated:
                self.admit()
            return super().dispatch(request, *args, **kwargs)
        except Forbidden as error:
            app = self.__dict__.get("app")
            about = {"object": app.uid, "label": app.name, "team": app.team.uid} if app else {}
            audit.record(viewer=self.viewer, action=error.action, result="denied", **about)
            raise PermissionDenied from error

    def admit(self) -> None:
        """Find what the address names and ask whether it may be seen, before anything is done."""

    def show(self, template: str, status: int = 200, /, **context: Any) -> HttpResponse:
        return render(self.request, template, {"section": self.section, **context}, status=status)


class AppPage(Page):
    """A page of one app: a stranger gets the 404 of an app that never was."""

    section = "apps"
    action = "app.read"

    @cached_property
    def app(self) -> App:
        found = App.objects.visible_to(self.viewer).named(self.kwargs["app"]).select_related("team").first()
        if found is None:
            raise Http404
        return found

    def admit(self) -> None:
        policy.require(self.viewer, self.action, self.app.team_id)


def attempt(request: HttpRequest, act: Callable[[], Any]) -> bool:
    """Do something that may be refused; a refusal becomes a banner on the next page, what is not allowed a page."""
    try:
        act()
    except Forbidden:
        raise
    except MinatoError as error:
        messages.error(request, "\n".join(error.lines()))
        return False
    return True


def back(name: str, *args: Any) -> HttpResponse:
    return redirect(name, *args)
