"""Stored log lines of an app, as JSON or as text. The same address follows live: doors/events.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.applications.api import AppEndpoint
from apps.builds.models import Build
from minato.drivers.wiring import drivers
from minato.values.log import Line

DEFAULT = 200
MOST = 1000
LONGEST = 200  # characters of a filter
ANSWER = 4 << 20  # characters of one answer: the more lines are asked for, the shorter a long one is cut
LONGEST_LINE = 64 * 1024
AGO = re.compile(r"^(\d{1,6})([smhd])$")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class LineShape(serializers.Serializer[Any]):
    """One line; `at` in microseconds, `id` the same in every answer and in the live stream."""

    id = serializers.CharField()
    at = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # DRF's own name for something else
    process = serializers.CharField()
    text = serializers.CharField(trim_whitespace=False, allow_blank=True)
    release = serializers.CharField(allow_blank=True)
    level = serializers.CharField(allow_blank=True)
    status = serializers.IntegerField()
    build = serializers.CharField(allow_blank=True)
    container = serializers.CharField(allow_blank=True)


class TextRenderer(BaseRenderer):
    """Lines as Heroku writes them; a problem as one line."""

    media_type = "text/plain"
    format = "txt"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if isinstance(data, Mapping) and "items" in data:
            return "".join(f"{_read(item).render()}\n" for item in data["items"]).encode()
        return f"{data.get('detail', '')} {data.get('hint', '')}\n".encode() if isinstance(data, Mapping) else b""


def _asked(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description)


PARAMETERS = [
    _asked("process", "A process type or one process: web, web.1."),
    _asked("source", "app or minato."),
    _asked("level", "error, warning, info or debug."),
    _asked("q", "Words that must all occur, in any case."),
    _asked("since", "RFC 3339, or how long ago: 15m, 2h."),
    _asked("before", "RFC 3339; the time of the oldest line gives the page before it."),
    _asked("build", "The lines of a build or deploy instead: its number or id."),
    OpenApiParameter("limit", int, description="At most 1000; 200 without."),
]


class Logs(AppEndpoint):
    """The newest lines in order of time; with `Accept: text/event-stream` they are followed."""

    needs = {"GET": "logs.read"}
    renderer_classes = [JSONRenderer, TextRenderer]

    @extend_schema(
        parameters=PARAMETERS,
        responses={
            (200, "application/json"): inline_serializer("Lines", {"items": LineShape(many=True)}),
            (200, "text/plain"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, app: str) -> Response:
        asked = request.query_params
        limit = _limit(asked.get("limit", ""))
        found = drivers(settings.MINATO).telemetry.lines(
            self.app.uid,
            limit=limit,
            longest=min(LONGEST_LINE, ANSWER // limit),
            since=_time(asked, "since"),
            before=_time(asked, "before"),
            build=self._build(asked.get("build", "")),
            **{name: asked.get(name, "")[:LONGEST] for name in ("process", "source", "level", "q")},
        )
        return Response({"items": [_shown(line) for line in found]})

    def _build(self, asked: str) -> str:
        """Return a build's public id from its number; an id may also be a deploy's."""
        if asked.isascii() and asked.isdigit():
            return str(self.one(Build.objects.filter(number=int(asked[:9]))).uid)
        return asked[:LONGEST]


def _limit(asked: str) -> int:
    if not asked:
        return DEFAULT
    if not (asked.isascii() and asked.isdigit() and len(asked) < 9 and 1 <= int(asked) <= MOST):
        raise ValidationError({"limit": [_("A number from 1 to %d.") % MOST]})
    return int(asked)


def _time(asked: Mapping[str, str], name: str) -> str:
    """Return an RFC 3339 time with its zone, or "". Raises ValidationError."""
    given = asked.get(name, "").replace(" ", "+")
    if not given:
        return ""
    try:
        return _moment(given).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise ValidationError({name: [_("A time as 2026-11-24T08:00:00Z, or how long ago: 15m, 2h.")]}) from None


def _moment(given: str) -> datetime:
    """Raises ValueError for no time or one without a zone, OverflowError for one that no calendar has."""
    if ago := AGO.match(given):
        return timezone.now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    found = datetime.fromisoformat(given)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found


def _shown(line: Line) -> dict[str, Any]:
    shown = {**vars(line), "at": line.at.isoformat(timespec="microseconds")}
    del shown["app"]
    return shown


def _read(shown: Mapping[str, Any]) -> Line:
    return Line(**{**shown, "app": "", "at": datetime.fromisoformat(shown["at"])})


urlpatterns = [path("apps/<str:app>/logs", Logs.as_view())]
