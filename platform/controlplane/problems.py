"""Every error of the API as RFC 9457 problem JSON: `code` says whose fault, `hint` what next."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from apps.access.policy import Forbidden
from apps.access.viewer import Viewer
from apps.audit import actions as audit
from apps.audit.context import current
from minato.errors import MinatoError, UserError

log = logging.getLogger("minato.api")

# the last word of a code -> HTTP status; a UserError of another name is 422, a PlatformError 500
STATUSES = {
    "forbidden": 403,
    "not-found": 404,
    "name-taken": 409,
    "taken": 409,
    "exists": 409,
    "conflict": 409,
    "stale": 409,
    "over": 409,
    "precondition": 412,
    "too-large": 413,
    "too-many": 429,
    "away": 503,
    "busy": 503,
}


def handler(error: Exception, context: dict[str, Any]) -> Response:
    """Return the answer for whatever an endpoint raised; nothing of an unknown error is shown."""
    if isinstance(error, MinatoError):
        return _ours(error, context)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return _framework(error)
    log.error("request %s failed", current.get().request_id, exc_info=error)
    return problem(
        500,
        "api:platform:error",
        _("Something in Minato failed."),
        _("Tell an operator the request id; it is in the log."),
    )


def problem(
    status: int, code: str, detail: str, hint: str = "", headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """Return one problem. It names no path, so that what may not be seen answers like what never existed."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    body |= {"hint": hint} if hint else {}
    body |= {name: value for name, value in more.items() if value}
    body["request_id"] = current.get().request_id
    return Response(body, status, headers=headers, content_type="application/problem+json")


def _ours(error: MinatoError, context: dict[str, Any]) -> Response:
    if isinstance(error, Forbidden):
        _record_denial(error, context)
    fallback = 422 if isinstance(error, UserError) else 500
    status = STATUSES.get(error.code.rsplit(":", 1)[-1], fallback)
    if status >= 500:
        log.error("request %s: %s", current.get().request_id, error.code, exc_info=error)
        return problem(status, error.code, error.message, error.hint)
    return problem(status, error.code, error.message, error.hint, evidence=error.evidence)


def _record_denial(error: Forbidden, context: dict[str, Any]) -> None:
    request, view = context.get("request"), context.get("view")
    viewer = getattr(request, "auth", None)
    app = getattr(view, "app", None)
    audit.record(
        viewer=viewer if isinstance(viewer, Viewer) else None,
        action=error.action,
        object=getattr(app, "uid", ""),
        label=getattr(app, "name", ""),
        team=app.team.uid if app is not None else "",
        result="denied",
    )


def _framework(error: exceptions.APIException) -> Response:
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    code, detail, hint = _words(error)
    errors = list(_pointed(error.detail)) if isinstance(error, exceptions.ValidationError) else []
    return problem(error.status_code, code, detail, hint, headers, errors=errors)


def _words(error: exceptions.APIException) -> tuple[str, str, str]:
    """Return code, detail and hint; the same words for every 404."""
    if isinstance(error, exceptions.NotFound):
        return "api:user:not-found", _("There is nothing here."), _("Or it is not yours to see.")
    if isinstance(error, exceptions.ValidationError):
        return "api:user:invalid", _("The request is not as it must be."), _("See errors.")
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        hint = _("Send Authorization: Bearer <token>; make a token on the page Tokens.")
        return "api:user:unauthenticated", str(error.detail), hint
    code = str(error.default_code).replace("_", "-")
    return f"api:user:{code}", str(error.detail), ""


def _pointed(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield {pointer, code, detail} for each fault in DRF's nested details."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = pointer if name == "non_field_errors" else f"{pointer}/{name}"
            yield from _pointed(inner, here)
    elif isinstance(detail, list):
        nested = any(isinstance(inner, dict) for inner in detail)
        for index, inner in enumerate(detail):
            yield from _pointed(inner, f"{pointer}/{index}" if nested else pointer)
    else:
        yield {"pointer": pointer or "/", "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}
