"""Numbers per app: `#46`, `v6`, `d12`."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.db.models import Max

Row = TypeVar("Row", bound=models.Model)
TRIES = 5


def create_numbered(model: type[Row], *, app_id: int, **fields: Any) -> Row:
    """Create a row with its app's next number. Two at once: one of them tries again."""
    for left in reversed(range(TRIES)):
        newest = model._default_manager.filter(app_id=app_id).aggregate(Max("number"))["number__max"] or 0
        try:
            with transaction.atomic():
                return model._default_manager.create(app_id=app_id, number=newest + 1, **fields)
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")
