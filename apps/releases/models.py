"""Releases: immutable, numbered per app; a failed one burns its number."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from apps.applications.models import App
from apps.builds.models import Build
from minato.values.ids import new_id


def release_id() -> str:
    return new_id("r")


KEPT = 10


class ReleaseQuerySet(models.QuerySet["Release"]):
    def kept(self, app: App) -> ReleaseQuerySet:
        """The last releases that ran: their images are kept, and one can go back to them."""
        ran = self.filter(app=app, state__in=("live", "retired")).order_by("-number")
        return self.filter(pk__in=list(ran.values_list("pk", flat=True)[:KEPT]))


class Release(models.Model):
    """Image, config and formation as of one moment. Never updated but for `state`."""

    STATES = [(s, s) for s in ("pending", "live", "retired", "failed")]
    uid = models.CharField(max_length=20, unique=True, default=release_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField()
    build = models.ForeignKey(Build, on_delete=models.PROTECT, related_name="releases")
    image = models.CharField(max_length=200)  # by digest
    processes = models.JSONField(default=dict)  # type -> what it starts
    config = models.JSONField(default=dict)  # key -> [version, base64 of the sealed value]
    config_version = models.PositiveIntegerField(default=0)
    formation = models.JSONField(default=list)  # [{type, quantity, size}]
    base = models.CharField(max_length=200, blank=True)  # run image by digest
    description = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=10, choices=STATES, default="pending")
    created = models.DateTimeField(auto_now_add=True)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "number"], name="one_release_per_number"),
            models.UniqueConstraint(fields=["app"], condition=models.Q(state="live"), name="one_live_release_per_app"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"
