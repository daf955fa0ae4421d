"""The domains of an app."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.rest import Strict, Text, paged
from apps.applications.api import AppEndpoint
from apps.applications.models import Domain
from apps.routes import hosts


class DomainShape(serializers.ModelSerializer[Domain]):
    class Meta:
        model = Domain
        fields = ("host",)


class NewDomain(Strict):
    host = Text(max_length=253)


class Domains(AppEndpoint):
    """Host names that lead to the app, besides its own."""

    needs = {"GET": "app.read", "POST": "app.update"}

    @extend_schema(responses=paged(DomainShape))
    def get(self, request: Request, app: str) -> Response:
        return self.page(Domain.objects.filter(app=self.app), DomainShape, ordering="host")

    @extend_schema(request=NewDomain, responses={201: DomainShape})
    def post(self, request: Request, app: str) -> Response:
        """Add one; it leads to the app at once."""
        domain = hosts.add_domain(app=self.app, host=self.body(NewDomain)["host"], viewer=self.viewer)
        return Response(DomainShape(domain).data, status.HTTP_201_CREATED)


class DomainItem(AppEndpoint):
    needs = {"DELETE": "app.update"}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, app: str, host: str) -> Response:
        """Remove one; it leads nowhere at once."""
        self.one(Domain.objects.filter(host=host))
        hosts.remove_domain(app=self.app, host=host, viewer=self.viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


urlpatterns = [
    path("apps/<str:app>/domains", Domains.as_view()),
    path("apps/<str:app>/domains/<str:host>", DomainItem.as_view()),
]
