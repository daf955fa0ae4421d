"""What was received."""

from __future__ import annotations

from django.db import models

from apps.applications.models import App
from minato.values.ids import new_id


def source_id() -> str:
    return new_id("s")


class Source(models.Model):
    """One canonical tar in the blob store, and where it came from."""

    ORIGINS = [("push", "push"), ("upload", "upload")]
    uid = models.CharField(max_length=20, unique=True, default=source_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="sources")
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.BigIntegerField()
    origin = models.CharField(max_length=10, choices=ORIGINS)
    commit = models.CharField(max_length=40, blank=True)
    ref = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField(auto_now_add=True)
