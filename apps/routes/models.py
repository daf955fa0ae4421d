"""Slots of the router, and its generations."""

from __future__ import annotations

from django.db import models


class Slot(models.Model):
    """A backend of the router, held by one deploy's web process until it has drained."""

    number = models.PositiveIntegerField(unique=True)
    deploy = models.OneToOneField("deploys.Deploy", on_delete=models.PROTECT, related_name="slot")
    service = models.CharField(max_length=63)
    port = models.PositiveIntegerField(unique=True)
    check_path = models.CharField(max_length=200, blank=True)  # as the app's setting was when its deploy started
    host_held = models.BooleanField(default=False)  # the app's hosts lead here
    draining_since = models.DateTimeField(null=True)


class RouterGeneration(models.Model):
    """One whole state that every node must reach. Only the newest counts; older ones are history."""

    number = models.PositiveIntegerField(unique=True)
    state = models.JSONField()
    reason = models.CharField(max_length=100)
    created = models.DateTimeField(auto_now_add=True)
