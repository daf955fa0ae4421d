"""The engine against the rows: services missing for a live deploy, services and containers that nobody wants."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.applications.models import Process
from apps.builds.models import Build
from apps.deploys.models import Deploy
from apps.deploys.spec import formation_of, workloads
from minato.drivers.wiring import drivers
from minato.schedule.plan import Key, Start, orphans, plan, stray_containers
from minato.values.engine import Service, Workload
from minato.values.ids import service_name

log = logging.getLogger(__name__)
RECENTLY = 600.0  # seconds after its end in which a build's volumes are looked for


def services() -> None:
    """Start what is missing, remove what nobody wants. The engine is read first: a row is older than its service."""
    engine = drivers(settings.MINATO).engine
    running = engine.services({"minato.ns": settings.MINATO.ns})
    for deploy in _settled():
        if _expected(deploy) != _replicas(running, deploy):
            _repair(deploy, running)
    for name in orphans(running, alive=_alive()):
        log.warning("service %s belongs to no deploy: removed", name)
        engine.remove(name)


def _alive() -> set[Key]:
    rows = Deploy.objects.filter(app__deleted_at__isnull=True, state__in=(*Deploy.RUNNING, "live", "draining"))
    return set(rows.values_list("app__uid", "number"))


def _settled() -> list[Deploy]:
    """Return the live deploys of apps of which nothing is under way."""
    busy = Deploy.objects.filter(state__in=Deploy.RUNNING).values("app_id")
    rows = Deploy.objects.filter(state="live", app__deleted_at__isnull=True).exclude(app_id__in=busy)
    return list(rows.select_related("app", "release__build__source").prefetch_related("app__processes"))


def _expected(deploy: Deploy) -> dict[str, int]:
    """Return service name -> replicas of a live deploy; a crashed type has none."""
    types = {process.type: process for process in deploy.app.processes.all()}
    names = {kind: _name(deploy, process) for kind, process in types.items()}
    return {
        names[one.type]: 0 if types[one.type].crashed_at else one.quantity
        for one in formation_of(deploy)
        if one.quantity and one.type in types
    }


def _name(deploy: Deploy, process: Process) -> str:
    return service_name(ns=settings.MINATO.ns, app=deploy.app.uid, process=process.uid, deploy=deploy.number)


def _mine(running: Iterable[Service], deploy: Deploy) -> list[Service]:
    wanted = {"minato.app": deploy.app.uid, "minato.deploy": str(deploy.number)}
    return [one for one in running if all(one.labels.get(key) == value for key, value in wanted.items())]


def _replicas(running: Iterable[Service], deploy: Deploy) -> dict[str, int]:
    return {one.name: one.replicas for one in _mine(running, deploy)}


def _repair(deploy: Deploy, running: Iterable[Service]) -> None:
    engine = drivers(settings.MINATO).engine
    expected = _expected(deploy)
    wanted: list[Workload] = [replace(one, replicas=expected.get(one.name, 0)) for one in workloads(deploy)]
    for step in plan(wanted, _mine(running, deploy)):
        if isinstance(step, Start):
            log.warning("%s: service %s is brought to %d", deploy.uid, step.workload.name, step.workload.replicas)
            engine.pull(step.workload.image)
            engine.ensure(step.workload)
        else:
            log.warning("%s: service %s is not wanted: removed", deploy.uid, step.name)
            engine.remove(step.name)


def containers() -> None:
    """Remove containers of dead builders and release phases, and the volumes of builds that have ended."""
    engine = drivers(settings.MINATO).engine
    found = engine.instances({"minato.ns": settings.MINATO.ns})
    builds = dict(Build.objects.filter(state="running").values_list("uid", "fence"))
    under_way = set(Deploy.objects.filter(state__in=Deploy.RUNNING).values_list("app__uid", "number"))
    for container in stray_containers(found, builds=builds, deploys=under_way):
        log.warning("container %s belongs to nothing under way: removed", container[:12])
        engine.remove_container(container)
    recently = timezone.now() - timedelta(seconds=RECENTLY)
    for uid in Build.objects.filter(finished__gte=recently).values_list("uid", flat=True):
        for volume in engine.volumes({"minato.ns": settings.MINATO.ns, "minato.build": uid}):
            engine.remove_volume(volume)
