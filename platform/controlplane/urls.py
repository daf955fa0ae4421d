"""Every page and API route."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("controlplane.api")),
    path("", include("apps.dashboard.urls")),
]
