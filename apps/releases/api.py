"""Releases of an app: image, config version and formation, numbered."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.rest import paged
from apps.applications.api import AppEndpoint
from apps.releases.models import Release


class FormationShape(serializers.Serializer[Any]):
    type = serializers.CharField()
    quantity = serializers.IntegerField()
    size = serializers.CharField()


class ReleaseShape(serializers.ModelSerializer[Release]):
    """A release; of its config only the keys are shown."""

    id = serializers.CharField(source="uid")
    name = serializers.SerializerMethodField()
    build = serializers.IntegerField(source="build.number")
    config = serializers.SerializerMethodField()
    formation = FormationShape(many=True)
    processes = serializers.DictField(child=serializers.CharField())
    by = serializers.SerializerMethodField()

    class Meta:
        model = Release
        fields = (
            *("id", "number", "name", "state", "description", "build", "image", "base", "processes"),
            *("config", "config_version", "formation", "by", "created"),
        )

    def get_name(self, release: Release) -> str:
        return str(release)

    def get_config(self, release: Release) -> list[str]:
        return sorted(release.config)

    def get_by(self, release: Release) -> str:
        return release.by.username if release.by else ""


class Releases(AppEndpoint):
    """Newest first."""

    @extend_schema(responses=paged(ReleaseShape))
    def get(self, request: Request, app: str) -> Response:
        rows = Release.objects.filter(app=self.app).select_related("build", "by")
        return self.page(rows, ReleaseShape, ordering="-number")


class ReleaseItem(AppEndpoint):
    @extend_schema(responses=ReleaseShape)
    def get(self, request: Request, app: str, number: int) -> Response:
        release = self.one(Release.objects.filter(number=number).select_related("build", "by"))
        return Response(ReleaseShape(release).data)


urlpatterns = [
    path("apps/<str:app>/releases", Releases.as_view()),
    path("apps/<str:app>/releases/<int:number>", ReleaseItem.as_view()),
]
