"""Sign-in, sign-out, and the one-time link."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View

from apps.accounts import links
from apps.accounts.models import OneTimeLink


class Login(LoginView):
    """User name and password."""

    template_name = "session/login.html"
    redirect_authenticated_user = True


class Logout(LogoutView):
    """By POST alone."""


@method_decorator(login_not_required, name="dispatch")
class Welcome(View):
    """A one-time link: looking at it uses nothing, setting a password does."""

    def get(self, request: HttpRequest, secret: str) -> HttpResponse:
        link = links.find(secret)
        return _gone(request) if link is None else _show(request, link)

    def post(self, request: HttpRequest, secret: str) -> HttpResponse:
        link = links.find(secret)
        if link is None:
            return _gone(request)
        password = request.POST.get("password", "")
        try:
            validate_password(password)
        except ValidationError as error:
            return _show(request, link, errors=error.messages, status=400)
        user = links.consume(secret, password=password)
        if user is None:
            return _gone(request)
        login(request, user)
        return redirect("apps")


def _show(request: HttpRequest, link: OneTimeLink, errors: list[str] | None = None, status: int = 200) -> HttpResponse:
    shown = {
        "who": link.user.username if link.user else link.username,
        "team_name": link.team.name if link.team else "",
        "role": link.role,
    }
    return render(request, "session/welcome.html", {"link": shown, "errors": errors or []}, status=status)


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "session/gone.html", status=404)
