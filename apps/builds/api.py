"""Builds of an app: what was made of which source, how long each phase took, and why it failed."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.rest import paged
from apps.applications.api import AppEndpoint
from apps.builds.models import Build


class PhaseShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    seconds = serializers.FloatField()
    exit_code = serializers.IntegerField()


class BuildShape(serializers.ModelSerializer[Build]):
    id = serializers.CharField(source="uid")
    commit = serializers.CharField(source="source.commit")
    source_sha256 = serializers.CharField(source="source.sha256")
    origin = serializers.CharField(source="source.origin")
    phases = PhaseShape(many=True)
    processes = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = Build
        fields = (
            *("id", "number", "state", "commit", "source_sha256", "origin", "builder_image", "run_image", "image"),
            *("processes", "phases", "reused_layers", "size", "code", "message", "hint"),
            *("created", "started", "finished"),
        )


class Builds(AppEndpoint):
    """Newest first."""

    @extend_schema(responses=paged(BuildShape))
    def get(self, request: Request, app: str) -> Response:
        rows = Build.objects.filter(app=self.app).select_related("source")
        return self.page(rows, BuildShape, ordering="-number")


class BuildItem(AppEndpoint):
    @extend_schema(responses=BuildShape)
    def get(self, request: Request, app: str, number: int) -> Response:
        build = self.one(Build.objects.filter(number=number).select_related("source"))
        return Response(BuildShape(build).data)


urlpatterns = [
    path("apps/<str:app>/builds", Builds.as_view()),
    path("apps/<str:app>/builds/<int:number>", BuildItem.as_view()),
]
