"""What probes last saw, per slot."""

from __future__ import annotations

from django.db import models

from apps.applications.models import App


class Probe(models.Model):
    """The router's counts and checks of one deploy's web process, as last reported."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="probes")
    deploy = models.PositiveIntegerField()
    ready = models.PositiveSmallIntegerField(default=0)  # instances whose check says L7OK
    known = models.PositiveSmallIntegerField(default=0)
    last_check = models.CharField(max_length=200, blank=True)
    requests = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    errors_5xx = models.BigIntegerField(default=0)
    sessions = models.PositiveIntegerField(default=0)
    observed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "deploy"], name="one_probe_per_deploy")]
