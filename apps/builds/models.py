"""Builds: rows with a lease, a heartbeat and a fence."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.applications.models import App
from apps.sources.models import Source
from minato.values.ids import new_id


def build_id() -> str:
    return new_id("b")


class BuildQuerySet(models.QuerySet["Build"]):
    def claim(self, pk: int, *, owner: str, lease: float, seconds: float) -> int | None:
        """Take a queued build for at most `seconds` and return the fence; None: it is not to be had."""
        try:
            with transaction.atomic():
                taken = self.filter(pk=pk, state="queued", cancel=False).update(
                    state="running",
                    owner=owner[:100],
                    fence=F("fence") + 1,
                    attempt=F("attempt") + 1,
                    lease_until=Now() + timedelta(seconds=lease),
                    deadline=Now() + timedelta(seconds=seconds),
                    started=Now(),
                )
        except IntegrityError:  # another build of this app is running
            return None
        return self.values_list("fence", flat=True).get(pk=pk) if taken else None


class Build(models.Model):
    """One build of one source. Every write of a worker carries the fence of its claim."""

    STATES = [(s, s) for s in ("queued", "running", "succeeded", "failed", "cancelled")]
    OVER = ("succeeded", "failed", "cancelled")

    uid = models.CharField(max_length=20, unique=True, default=build_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="builds")
    number = models.PositiveIntegerField()
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="builds")
    state = models.CharField(max_length=10, choices=STATES, default="queued")
    cancel = models.BooleanField(default=False)
    owner = models.CharField(max_length=100, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    deadline = models.DateTimeField()  # of the state it is in
    kicked_at = models.DateTimeField(null=True)
    builder_image = models.CharField(max_length=200, blank=True)
    run_image = models.CharField(max_length=200, blank=True)
    image = models.CharField(max_length=200, blank=True)  # by digest
    processes = models.JSONField(default=dict, blank=True)  # type -> what it starts
    phases = models.JSONField(default=list, blank=True)  # [{name, seconds, exit_code}]
    reused_layers = models.PositiveSmallIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    code = models.CharField(max_length=60, blank=True)
    message = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    objects = BuildQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "number"], name="one_build_per_number"),
            models.UniqueConstraint(fields=["app"], condition=Q(state="running"), name="one_running_build_per_app"),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(lease_until__isnull=False), name="running_build_has_lease"
            ),
            models.CheckConstraint(condition=~Q(state="succeeded") | Q(image__gt=""), name="succeeded_build_has_image"),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"
