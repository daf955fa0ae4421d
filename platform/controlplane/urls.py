"""Every page and API route."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from controlplane.api import Nowhere, schema

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("controlplane.api")),
    path("api/schema/", schema, name="schema"),
    re_path(r"^api(?:/.*)?$", Nowhere.as_view()),
    path("", include("apps.dashboard.urls")),
]

handler400 = "controlplane.pages.bad_request"
handler403 = "controlplane.pages.forbidden"
handler404 = "controlplane.pages.not_found"
handler500 = "controlplane.pages.failed"
