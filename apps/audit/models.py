"""The audit log: rows are added, never changed."""

from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """One act. Actors and objects are named by public id and label, so that a row outlives what it names."""

    seq = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=20)  # public id, or "system"
    actor_label = models.CharField(max_length=150)
    via = models.CharField(max_length=10)  # page, api, git, system
    action = models.CharField(max_length=60)  # app.create, config.set, deploy.cancel …
    object = models.CharField(max_length=20, blank=True)  # public id
    object_label = models.CharField(max_length=150, blank=True)
    team = models.CharField(max_length=20, blank=True)
    result = models.CharField(max_length=10, default="done")  # done, denied, failed
    detail = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [models.Index(fields=["team", "-seq"]), models.Index(fields=["object", "-seq"])]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.object_label}"
