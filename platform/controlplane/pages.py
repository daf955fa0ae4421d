"""Error pages for people: what happened, what to do, and the request id that the log and the audit row carry."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apps.access.policy import Forbidden
from apps.audit.context import current

log = logging.getLogger("minato.pages")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, _("That request makes no sense here"), _("Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A member who may not do this; `Page.dispatch` has written the denied row."""
    why = exception.__cause__
    if isinstance(why, Forbidden):
        return _page(request, 403, _("Not allowed"), why.message, why.hint)
    return _page(request, 403, _("Not allowed"), _("You may see this, but not do it."))


def no_csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from before the last sign-in, or from another site: nothing was done."""
    message = _("This form is from an older page, or your browser keeps no cookies. Nothing was done.")
    return _page(request, 403, _("The form is too old"), message, _("Go back, load the page again, and send it again."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The same words for what is not there and for what is not yours to see."""
    return _page(request, 404, _("There is nothing here"), _("Or it is not yours to see."))


def failed(request: HttpRequest) -> HttpResponse:
    """Django has written the trace; this line ties it to the page's id. No database is asked: that may be the fault."""
    log.error("request %s failed: %s %s", current.get().request_id, request.method, request.path)
    message = _("Something in Minato failed. Your apps go on running.")
    hint = _("Tell an operator the request id; it is in the log.")
    return HttpResponse(render_to_string("error.html", _shown(500, _("Minato failed"), message, hint)), status=500)


def _page(request: HttpRequest, status: int, title: str, message: str, hint: str = "") -> HttpResponse:
    return render(request, "error.html", _shown(status, title, message, hint), status=status)


def _shown(status: int, title: str, message: str, hint: str) -> dict[str, Any]:
    """Banners wait for a page that they belong to: an error looks alike whatever was done before."""
    told = {"status": status, "title": title, "message": message, "hint": hint}
    return {**told, "request_id": current.get().request_id, "messages": ()}
