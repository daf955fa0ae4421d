"""The REST API's routes: each app's `api.py` brings its own list."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, URLResolver
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.rest import Endpoint
from apps.accounts import api as accounts
from apps.builds import api as builds
from apps.deploys import api as deploys
from apps.monitoring import api as monitoring
from apps.releases import api as releases
from apps.routes import api as routes

urlpatterns: list[URLPattern | URLResolver] = [
    *accounts.urlpatterns,
    *deploys.urlpatterns,
    *builds.urlpatterns,
    *monitoring.urlpatterns,
    *releases.urlpatterns,
    *routes.urlpatterns,
]


def schema(request: HttpRequest) -> FileResponse:
    """Serve the API's description, the file that the tests hold against the code."""
    file = settings.BASE_DIR / "docs/reference/openapi.yaml"
    return FileResponse(file.open("rb"), content_type="application/vnd.oai.openapi")


schema.login_required = False  # type: ignore[attr-defined]


class Nowhere(Endpoint):
    """Every other path below /api: a problem in JSON, never a page."""

    @extend_schema(exclude=True)
    def get(self, request: Request, **rest: Any) -> Response:
        raise Http404

    post = put = patch = delete = get
