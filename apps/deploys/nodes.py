"""The control plane's side of `/internal/v1`: what a node should be, and what its agent reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.applications.models import App
from apps.deploys.models import Deploy
from apps.instances.models import Instance, Node
from apps.monitoring.models import Probe
from apps.routes.models import RouterGeneration, Slot
from minato.drivers.wiring import drivers
from minato.values.router import Observed, RouterState, ServerSeen

SERVICE_LABELS = ("minato.service", "com.docker.swarm.service.name")
ENDED = ("exited", "dead", "gone")
COLUMNS = (
    "node", "app", "service", "process", "ordinal", "release", "deploy", "state", "address", "check_status", "ready",
    "exit_code", "oom", "started_at", "finished_at", "observed_at",
)  # fmt: skip
CHANGES = ("state", "ready", "exit_code", "address")  # what is worth a nudge


def desired(node: str, after: int) -> RouterState | None:
    """Return the newest router state if it is newer than generation `after`."""
    newest = RouterGeneration.objects.filter(number__gt=after).order_by("-number").first()
    return RouterState.from_json(newest.state) if newest else None


def observe(node: str, observed: Observed) -> None:
    """Record one whole report of a node and nudge whoever waits for its apps. Raises Node.DoesNotExist."""
    with transaction.atomic():
        row = Node.objects.get(name=node)
        changed = _instances(row, observed) if observed.engine else set()
        changed |= _probes(observed)
        Node.objects.filter(pk=row.pk).update(
            generation=observed.generation,
            engine=observed.engine,
            engine_started_at=moment(observed.engine_started_at) or row.engine_started_at,
            observed_at=Now(),
        )
        changed |= set(Deploy.objects.filter(state__in=Deploy.RUNNING).values_list("app__uid", flat=True))
    streams = drivers(settings.MINATO).streams
    for app in sorted(changed):
        streams.nudge(f"observed:{app}")


# -- instances --------------------------------------------------------------------------------------------------------
def _instances(node: Node, observed: Observed) -> set[str]:
    """Write the reported containers; return the public ids of the apps with a change."""
    servers = {server.container: server for server in observed.servers}
    apps = _apps(observed.instances)
    before = {row.container: row for row in Instance.objects.filter(node=node).select_related("app")}
    now = timezone.now()
    rows = [
        _instance(node, apps[_label(raw, "minato.app")], raw, servers.get(str(raw.get("container", ""))), now)
        for raw in observed.instances
        if _label(raw, "minato.app") in apps and _label(raw, "minato.deploy").isdigit()
    ]
    Instance.objects.bulk_create(rows, update_conflicts=True, unique_fields=["container"], update_fields=COLUMNS)
    gone = _mark_gone(before, {row.container for row in rows}, now)
    return gone | {row.app.uid for row in rows if _differs(before.get(row.container), row)}


def _apps(instances: Iterable[Mapping[str, object]]) -> dict[str, App]:
    uids = {_label(raw, "minato.app") for raw in instances}
    return {app.uid: app for app in App.objects.filter(uid__in=uids)}


def _instance(node: Node, app: App, raw: Mapping[str, Any], server: ServerSeen | None, now: datetime) -> Instance:
    return Instance(
        container=str(raw["container"])[:64],
        node=node,
        app=app,
        service=next((name for key in SERVICE_LABELS if (name := _label(raw, key))), "")[:63],
        process=_label(raw, "minato.process")[:63],
        ordinal=int(raw.get("ordinal") or 1),
        release=_label(raw, "minato.release")[:12],
        deploy=int(_label(raw, "minato.deploy")),
        state=str(raw.get("state", ""))[:12],
        address=str(raw.get("address") or "")[:45],
        check_status=server.check[:12] if server else "",
        ready=bool(server and server.ready),
        exit_code=raw.get("exit_code"),
        oom=bool(raw.get("oom")),
        started_at=moment(raw.get("started_at")),
        finished_at=moment(raw.get("finished_at")),
        observed_at=now,
    )


def _mark_gone(before: Mapping[str, Instance], reported: set[str], now: datetime) -> set[str]:
    """A container that is not reported any more has ended, at the latest now."""
    lost = [row for row in before.values() if row.container not in reported and row.state not in ENDED]
    for row in lost:
        row.state, row.ready, row.check_status, row.finished_at = "gone", False, "", now
    Instance.objects.bulk_update(lost, ["state", "ready", "check_status", "finished_at"])
    return {row.app.uid for row in lost}


def _differs(before: Instance | None, after: Instance) -> bool:
    return before is None or any(getattr(before, name) != getattr(after, name) for name in CHANGES)


def _label(raw: Mapping[str, Any], key: str) -> str:
    labels = raw.get("labels")
    return str(labels.get(key, "")) if isinstance(labels, Mapping) else ""


def moment(raw: object) -> datetime | None:
    """Read an RFC 3339 time; None for "" and for docker's year 1."""
    if isinstance(raw, datetime):
        return raw
    if not raw or str(raw).startswith("0001"):
        return None
    try:
        read = datetime.fromisoformat(str(raw))
    except ValueError:
        return None
    return read if read.tzinfo else None


# -- probes -----------------------------------------------------------------------------------------------------------
def _probes(observed: Observed) -> set[str]:
    """Write each slot's counts and checks; return the public ids of the apps whose readiness has changed."""
    numbers = {server.slot for server in observed.servers} | {count.slot for count in observed.counts}
    counts = {count.slot: count for count in observed.counts}
    changed: set[str] = set()
    for slot in Slot.objects.filter(number__in=numbers).select_related("deploy__app"):
        servers = [server for server in observed.servers if server.slot == slot.number]
        count = counts.get(slot.number)
        ready = sum(server.ready for server in servers)
        known = Probe.objects.filter(app=slot.deploy.app, deploy=slot.deploy.number)
        if list(known.values_list("ready", flat=True)) != [ready]:
            changed.add(slot.deploy.app.uid)
        Probe.objects.update_or_create(
            app=slot.deploy.app,
            deploy=slot.deploy.number,
            defaults={
                "ready": ready,
                "known": len(servers),
                "last_check": next((server.last_check or server.check for server in servers), "")[:200],
                "requests": count.requests if count else 0,
                "failed": count.failed if count else 0,
                "errors_5xx": count.errors_5xx if count else 0,
                "sessions": count.sessions if count else 0,
                "observed_at": Now(),
            },
        )
    return changed
