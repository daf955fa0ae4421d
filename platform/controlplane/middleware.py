"""A request id in and out, and who is being served."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from apps.audit.context import Client, current

HEADER = "X-Request-ID"
ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

Answer = Callable[[HttpRequest], HttpResponse]
AnswerLater = Callable[[HttpRequest], Awaitable[HttpResponse]]


@sync_and_async_middleware
def request_context(get_response: Answer | AnswerLater) -> Answer | AnswerLater:
    """Pass `X-Request-ID` on, or make one; audit rows and problems carry it."""
    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> HttpResponse:
            client = _enter(request)
            return _leave(await cast(AnswerLater, get_response)(request), client)

        return later

    def now(request: HttpRequest) -> HttpResponse:
        client = _enter(request)
        return _leave(cast(Answer, get_response)(request), client)

    return now


def _enter(request: HttpRequest) -> Client:
    given = request.headers.get(HEADER, "")
    request_id = given if ID.fullmatch(given) else uuid.uuid4().hex
    client = Client(request_id=request_id, address=request.META.get("REMOTE_ADDR") or "")
    current.set(client)
    return client


def _leave(response: HttpResponse, client: Client) -> HttpResponse:
    response[HEADER] = client.request_id
    if not response.has_header("Cache-Control"):
        response["Cache-Control"] = "no-store"  # pages show tokens and links once: no cache keeps them
    return response
