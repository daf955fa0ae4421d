"""Config vars, settings, and the end of an app."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.access import policy
from apps.access.policy import Forbidden
from apps.applications import actions as applications
from apps.dashboard.page import AppPage, attempt, back
from apps.dashboard.reads import app_context
from apps.deploys import actions
from minato.errors import MinatoError, UserError


class AppConfig(AppPage):
    """Keys with fingerprints; values go in and never come out."""

    def get(self, request: HttpRequest, app: str) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest, app: str) -> HttpResponse:
        lines = request.POST.get("lines", "")
        try:
            changes: dict[str, str | None] = (
                {unset: None} if (unset := request.POST.get("unset")) else dict(parse(lines))
            )
            deploy = actions.set_config(app=self.app, changes=changes, viewer=self.viewer)
        except Forbidden:
            raise
        except MinatoError as error:
            return self._page(status=422, error=error, lines=lines)
        if deploy is not None:
            return back("deploy", self.app.name, deploy.number)
        messages.success(request, _("Stored. It takes effect with the next deploy."))
        return back("app-config", self.app.name)

    def _page(self, status: int = 200, **more: Any) -> HttpResponse:
        config = self.app.config.order_by("key")
        return self.show("apps/config.html", status, config=config, **app_context(self.app), **more)


def parse(text: str) -> list[tuple[str, str]]:
    """Return the pairs of `KEY=value` lines, split at the first `=`. Raises UserError with the line's number."""
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.strip().partition("=")
        if not equals:
            raise UserError(code="config:user:line", message=_("Line %d has no “=”.") % number, hint="KEY=value")
        pairs.append((key.strip(), value))
    if not pairs:
        raise UserError(code="config:user:empty", message=_("There is no KEY=value line."))
    return pairs


class AppSettings(AppPage):
    """Deploy branch and health check path."""

    def get(self, request: HttpRequest, app: str) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest, app: str) -> HttpResponse:
        changes = {name: request.POST.get(name, "").strip() for name in ("deploy_branch", "check_path")}
        try:
            applications.update_app(app=self.app, changes=changes, viewer=self.viewer)
        except Forbidden:
            raise
        except MinatoError as error:
            return self._page(status=422, error=error, typed=changes)
        messages.success(request, _("Saved."))
        return back("app-settings", self.app.name)

    def _page(self, status: int = 200, **more: Any) -> HttpResponse:
        kept = {"deploy_branch": self.app.deploy_branch, "check_path": self.app.check_path}
        shown = {"typed": kept, "may_delete": policy.allowed(self.viewer, "app.delete", self.app.team_id), **more}
        return self.show("apps/settings.html", status, **app_context(self.app), **shown)


class AppDelete(AppPage):
    """Type the name, and nothing is left."""

    http_method_names = ["post"]
    action = "app.delete"

    def post(self, request: HttpRequest, app: str) -> HttpResponse:
        if request.POST.get("confirm") != self.app.name:
            messages.error(request, _("The name was not typed as it is: nothing was deleted."))
            return back("app-settings", self.app.name)
        if attempt(request, lambda: actions.delete_app(app=self.app, viewer=self.viewer)):
            messages.success(request, _("%s is deleted.") % self.app.name)
            return back("apps")
        return back("app-settings", self.app.name)
