"""Deploys: every change of what runs, one row each."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from apps.applications.models import App
from apps.builds.models import Build
from apps.releases.models import Release
from apps.sources.models import Source
from minato.values.ids import new_id


def deploy_id() -> str:
    return new_id("d")


class DeployQuerySet(models.QuerySet["Deploy"]):
    """Which deploys, and the claim; every other change of state goes through `hold.Hold.move` or `ends`."""

    def unfinished(self) -> DeployQuerySet:
        return self.filter(state__in=("queued", *Deploy.RUNNING))

    def held(self) -> DeployQuerySet:
        return self.filter(lease_until__gt=Now())

    def free(self) -> DeployQuerySet:
        """Nobody holds them, or the holder's lease is over."""
        return self.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now()))

    def in_turn(self) -> DeployQuerySet:
        """Unfinished, and no older deploy of the same app is."""
        older = Deploy.objects.unfinished().filter(app_id=OuterRef("app_id"), id__lt=OuterRef("id"))
        return self.unfinished().exclude(Exists(older))

    def claim(self, pk: int, *, owner: str, lease: float) -> int | None:
        """Take a deploy for `lease` seconds and return the fence; None: not its turn, or another worker has it."""
        taken = (
            self.filter(pk=pk)
            .in_turn()
            .free()
            .update(
                owner=owner[:100],
                fence=F("fence") + 1,
                attempt=F("attempt") + 1,
                lease_until=Now() + timedelta(seconds=lease),
            )
        )
        return self.values_list("fence", flat=True).get(pk=pk) if taken else None


class Deploy(models.Model):
    """One push, upload, config change, scale, restart, rollback or redeploy, from queued to its end.

    `live` is the deploy whose services run; the one before it is `draining`, then `retired`. `done` is a change in
    place: a scale-up of the live deploy's own services.
    """

    KINDS = [(k, k) for k in ("push", "upload", "config", "scale", "restart", "rollback", "redeploy")]
    RUNNING = ("building", "releasing", "starting", "switching", "proving", "cancelling")
    OVER = ("live", "draining", "retired", "done", "failed", "cancelled")
    STATES = [(s, s) for s in ("queued", *RUNNING, *OVER)]

    uid = models.CharField(max_length=20, unique=True, default=deploy_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="deploys")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=KINDS)
    source = models.ForeignKey(Source, null=True, on_delete=models.PROTECT, related_name="deploys")
    build = models.ForeignKey(Build, null=True, on_delete=models.PROTECT, related_name="deploys")
    release = models.ForeignKey(Release, null=True, on_delete=models.PROTECT, related_name="deploys")
    state = models.CharField(max_length=10, choices=STATES, default="queued")
    state_since = models.DateTimeField(auto_now_add=True)
    deadline = models.DateTimeField()  # of the state it is in
    cancel = models.BooleanField(default=False)
    owner = models.CharField(max_length=100, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    kicked_at = models.DateTimeField(null=True)
    generation = models.PositiveIntegerField(default=0)  # the router generation that this deploy waits for
    description = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    via = models.CharField(max_length=10, default="api")
    idempotency_key = models.CharField(max_length=80, blank=True)
    ref = models.CharField(max_length=200, blank=True)  # push: what to move when the hook has gone
    old_commit = models.CharField(max_length=40, blank=True)
    progress = models.JSONField(default=dict, blank=True)  # what a step must remember, e.g. counts at the switch
    code = models.CharField(max_length=60, blank=True)
    message = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    evidence = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    live_at = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    objects = DeployQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "number"], name="one_deploy_per_number"),
            models.UniqueConstraint(
                fields=["app"],
                condition=Q(state__in=("building", "releasing", "starting", "switching", "proving", "cancelling")),
                name="one_running_deploy_per_app",
            ),
            models.UniqueConstraint(fields=["app"], condition=Q(state="live"), name="one_live_deploy_per_app"),
            models.UniqueConstraint(
                fields=["app", "idempotency_key"],
                condition=Q(idempotency_key__gt=""),
                name="one_deploy_per_idempotency_key",
            ),
        ]

    def __str__(self) -> str:
        return f"d{self.number}"
