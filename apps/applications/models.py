"""Apps and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
from minato.values.ids import new_id
from minato.values.process import DEFAULT_SIZE, Formation

if TYPE_CHECKING:
    from apps.access.viewer import Viewer


def app_id() -> str:
    return new_id("a")


def process_id() -> str:
    return new_id("p")


class AppQuerySet(models.QuerySet["App"]):
    def live(self) -> AppQuerySet:
        return self.filter(deleted_at__isnull=True)

    def visible_to(self, viewer: Viewer) -> AppQuerySet:
        """Apps of the viewer's teams; with a token bound to one app, that app alone."""
        rows = self.live().filter(team_id__in=viewer.teams)
        return rows.filter(uid=viewer.app) if viewer.app else rows

    def named(self, name_or_id: str) -> AppQuerySet:
        return self.filter(Q(name=name_or_id) | Q(uid=name_or_id))


class App(models.Model):
    """What people push to. The name is unique while it lives; the id for ever."""

    uid = models.CharField(max_length=20, unique=True, default=app_id, editable=False)
    name = models.CharField(max_length=30)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="apps")
    deploy_branch = models.CharField(max_length=100, blank=True)  # "" means main or master
    check_path = models.CharField(max_length=200, blank=True)
    maintenance = models.BooleanField(default=False)
    key = models.BinaryField(default=bytes)  # this app's DEK, wrapped by the seal
    config_version = models.PositiveIntegerField(default=0)
    created = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True)  # soft: the reaper proves that nothing is left, then removes the row

    objects = AppQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(deleted_at__isnull=True), name="one_live_app_per_name")
        ]

    def __str__(self) -> str:
        return self.name

    def deploys_from(self, branch: str) -> bool:
        return branch == self.deploy_branch if self.deploy_branch else branch in ("main", "master")

    def formation(self) -> tuple[Formation, ...]:
        return tuple(process.formation() for process in self.processes.order_by("type"))


class Process(models.Model):
    """A process type: how many are desired, and whether it has crashed."""

    uid = models.CharField(max_length=20, unique=True, default=process_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="processes")
    type = models.CharField(max_length=63)
    command = models.TextField(blank=True)  # for people; the image's entrypoint starts it
    quantity = models.PositiveSmallIntegerField(default=0)
    size = models.CharField(max_length=10, default=DEFAULT_SIZE)
    crashed_at = models.DateTimeField(null=True)  # scaled to 0 by the platform after 5 exits in 60 s
    crash_exit_code = models.IntegerField(null=True)
    crash_lines = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "type"], name="one_process_per_type")]

    def formation(self) -> Formation:
        return Formation(type=self.type, quantity=self.quantity, size=self.size)


class ConfigVar(models.Model):
    """One value, sealed under the app's key with AAD of app, key and version. Never shown in a list."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="config")
    key = models.CharField(max_length=128)
    sealed = models.BinaryField()
    version = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=8)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "key"], name="one_value_per_key")]


class Domain(models.Model):
    """A host name that leads to an app, besides `<name>.<apps domain>`."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="domains")
    host = models.CharField(max_length=253, unique=True)
