"""How the API reads a body. A file of its own: the framework loads it while it loads itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

LARGEST_BODY = 1 << 20  # bytes of JSON


class TooLarge(APIException):  # noqa: N818  (DRF's own are named alike: Throttled, NotFound)
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too-large"


class SmallJSON(BaseParser):
    """JSON of at most 1 MiB, read into memory no further than that."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise TooLarge(_("The body is over %d KiB.") % (LARGEST_BODY >> 10))
        try:
            parsed: dict[str, Any] = json.loads(body.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not JSON: %s") % error) from error
        return parsed


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
