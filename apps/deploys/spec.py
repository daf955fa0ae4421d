"""From rows to what the engine is told."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from apps.deploys.models import Deploy
from apps.deploys.snapshot import open_config
from apps.instances.models import Instance
from apps.releases.models import Release
from apps.routes.models import Slot
from minato.schedule import Spec, workload
from minato.schedule.ready import SLOTTED, Seen
from minato.values.engine import Workload
from minato.values.process import Formation


def formation_of(deploy: Deploy) -> tuple[Formation, ...]:
    """Return what this deploy runs, as its releasing step settled it."""
    return tuple(Formation(**one) for one in deploy.progress.get("formation", []))


def stored(formation: Iterable[Formation]) -> list[dict[str, object]]:
    return [dict(vars(one)) for one in formation]


def release_of(deploy: Deploy) -> Release:
    """Return the release; every deploy from `starting` on has one."""
    if deploy.release is None:
        raise LookupError(f"{deploy} has no release yet")
    return deploy.release


def spec_of(deploy: Deploy) -> Spec:
    """Return what a deploy's workloads share."""
    release = release_of(deploy)
    slot = Slot.objects.filter(deploy=deploy).first()
    return Spec(
        ns=settings.MINATO.ns,
        app=deploy.app.uid,
        app_name=deploy.app.name,
        deploy=deploy.number,
        release=release.number,
        commit=release.build.source.commit,
        image=release.image,
        config=open_config(deploy.app, release),
        process_ids=dict(deploy.app.processes.values_list("type", "uid")),
        port=slot.port if slot else 0,
        stop_grace=settings.MINATO.times.stop_grace,
    )


def workloads(deploy: Deploy) -> list[Workload]:
    """Return the services of a deploy: one per process type that has instances."""
    spec = spec_of(deploy)
    return [workload(spec, one) for one in formation_of(deploy) if one.quantity]


def has_web(deploy: Deploy) -> bool:
    return any(one.type == SLOTTED and one.quantity for one in formation_of(deploy))


def labels_of(deploy: Deploy) -> dict[str, str]:
    """Return the labels that every object of a deploy carries."""
    return {"minato.ns": settings.MINATO.ns, "minato.app": deploy.app.uid, "minato.deploy": str(deploy.number)}


def seen(deploy: Deploy) -> list[Seen]:
    """Return the deploy's instances as the agents last reported them."""
    rows = Instance.objects.filter(app_id=deploy.app_id, deploy=deploy.number)
    return [
        Seen(
            container=row.container,
            process=row.process,
            state=row.state,
            ready=row.ready,
            check=row.check_status,
            exit_code=row.exit_code,
            oom=row.oom,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )
        for row in rows
    ]
