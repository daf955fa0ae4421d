"""Nodes, and the containers that their agents saw."""

from __future__ import annotations

from django.db import models

from apps.applications.models import App


class Node(models.Model):
    """A machine with an engine, a router and an agent. Its token is kept as SHA-256."""

    name = models.CharField(max_length=30, unique=True)
    token_sha256 = models.CharField(max_length=64)
    generation = models.PositiveIntegerField(default=0)  # router generation that it has applied
    engine = models.BooleanField(default=False)
    engine_started_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField(null=True)


class Instance(models.Model):
    """One container as last seen. Older than 10 s is shown as unknown."""

    container = models.CharField(max_length=64, unique=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="instances")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="instances")
    service = models.CharField(max_length=63)
    process = models.CharField(max_length=63)  # type
    ordinal = models.PositiveSmallIntegerField(default=1)
    release = models.CharField(max_length=12)  # v6
    deploy = models.PositiveIntegerField()  # number per app
    state = models.CharField(max_length=12)
    address = models.CharField(max_length=45, blank=True)
    check_status = models.CharField(max_length=12, blank=True)  # HAProxy's word; `check` would hide Model.check
    ready = models.BooleanField(default=False)
    exit_code = models.IntegerField(null=True)
    oom = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["app", "service"])]
