"""What every endpoint of the API shares: the viewer, strict bodies, pages of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.viewer import Viewer


class Strict(serializers.Serializer[Any]):
    """A body whose unknown fields are refused, so that a typing error never passes for a change."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := set(map(str, data)) - set(self.fields)):
            message = _("There is no such field.")
            raise serializers.ValidationError({name: [message] for name in sorted(unknown)}, code="unknown-field")
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A string as it is: a number is not one, and nothing is trimmed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("Not a string."), code="invalid")
        return super().to_internal_value(data)


class Pages(CursorPagination):
    """Opaque cursors: `{"items": […], "next": url or null, "prev": url or null}`, the same in `Link`."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def get_paginated_response(self, data: Any) -> Response:
        urls = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        link = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in urls.items() if url)
        return Response({"items": data, **urls}, headers={"Link": link} if link else None)


def paged(shape: type[serializers.Serializer[Any]]) -> Any:
    """Return the schema of one page of `shape`."""
    fields = {
        "items": shape(many=True),
        "next": serializers.URLField(allow_null=True),
        "prev": serializers.URLField(allow_null=True),
    }
    return inline_serializer(f"{shape.__name__}Page", fields)


class Endpoint(APIView):
    """One route. `request.auth` is the Viewer, whichever way they came."""

    @property
    def viewer(self) -> Viewer:
        found: Viewer = self.request.auth  # type: ignore[assignment]
        return found

    def body(self, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return the checked body. Raises ValidationError."""
        given = shape(data=self.request.data)
        given.is_valid(raise_exception=True)
        valid: dict[str, Any] = given.validated_data
        return valid

    def page(self, rows: QuerySet[Any], shape: type[serializers.Serializer[Any]], *, ordering: str) -> Response:
        """Return one page of `rows` in `ordering`, which must be unique."""
        pages = Pages()
        pages.ordering = (ordering,)
        found = pages.paginate_queryset(rows, self.request, view=self)
        return pages.get_paginated_response(shape(found, many=True).data)
