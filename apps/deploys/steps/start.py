"""starting: a new service per process type beside the old ones, and a slot of the router for `web`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.deploys.ends import grown, nudge
from apps.deploys.hold import Hold
from apps.deploys.models import Deploy
from apps.deploys.spec import formation_of, has_web, seen, spec_of, workloads
from apps.instances.models import Node
from apps.monitoring.models import Probe
from apps.routes.actions import next_generation, take_slot
from apps.routes.models import Slot
from minato.errors import MinatoError, PlatformError, UserError
from minato.schedule.ready import ENGINE_GRACE, SLOTTED, Seen, Verdict, judge, why_not
from minato.values.engine import Task

NOT_FOUND = 127
ASK_ENGINE = 0.5  # seconds between two looks at Swarm's tasks
TAIL = 20  # lines of a crashed process


def start(hold: Hold) -> bool:
    """Start everything, wait until it is ready, go on to `switching`; a scale-up in place is over then."""
    if hold.deploy.progress.get("in_place"):
        return _grow(hold)
    _fill_slot(hold)
    _run(hold)
    _wait_ready(hold)
    _announce(hold)
    hold.move("switching")
    return True


def _fill_slot(hold: Hold) -> None:
    """Take slot and port, and tell the routers: they probe the new instances as they come."""
    if not has_web(hold.deploy) or Slot.objects.filter(deploy=hold.deploy).exists():
        return
    service = spec_of(hold.deploy).service(SLOTTED)
    with transaction.atomic():
        take_slot(deploy=hold.deploy.pk, service=service, check_path=hold.deploy.app.check_path)
        generation = next_generation(reason=f"{hold.deploy.app.uid} {hold.deploy} starts")
        hold.write(generation=generation.number)
    nudge("node")


def _run(hold: Hold) -> None:
    engine = hold.drivers.engine
    wanted = workloads(hold.deploy)
    for image in {workload.image for workload in wanted}:
        engine.pull(image)
    for workload in wanted:
        hold.look()
        engine.ensure(workload)


def _grow(hold: Hold) -> bool:
    """Give the live deploy's services more replicas, and wait for the new ones."""
    spec = spec_of(subject(hold.deploy))
    for one in formation_of(hold.deploy):
        if one.quantity:
            hold.drivers.engine.scale(spec.service(one.type), one.quantity)
    _wait_ready(hold)
    _announce(hold)
    grown(hold)
    hold.voice.end("live")
    return False


def subject(deploy: Deploy) -> Deploy:
    """Return the deploy whose services are started: its own, or the live one that grows in place."""
    return Deploy.objects.select_related("app", "release__build__source").get(
        **({"app": deploy.app, "state": "live"} if deploy.progress.get("in_place") else {"pk": deploy.pk})
    )


def _observed(hold: Hold) -> list[Seen]:
    """Return the instances as last reported, without what ended before this began."""
    began = hold.deploy.state_since
    return [one for one in seen(subject(hold.deploy)) if not one.ended or (one.finished_at or began) >= began]


def _wait_ready(hold: Hold) -> None:
    """Return when every process type is ready. Raises when one is rejected, crashes or is not ready in time (R10)."""
    settle = timedelta(seconds=hold.config.times.settle)
    asked = 0.0
    while True:
        instances = _observed(hold)
        verdict = judge(formation_of(hold.deploy), instances, now=timezone.now(), settle=settle)
        if verdict.ready:
            return
        if verdict.crashed is not None:
            raise crashed(hold, verdict.crashed)
        if time.monotonic() - asked >= ASK_ENGINE:
            asked = time.monotonic()
            _refuse_rejected(hold)
        if hold.late:
            raise too_late(hold, verdict, instances)
        hold.pause(f"observed:{hold.deploy.app.uid}")


def _refuse_rejected(hold: Hold) -> None:
    """Raise PlatformError when the engine will never run a task; an engine that has just started may say so of any."""
    if _engine_is_new():
        return
    spec = spec_of(subject(hold.deploy))
    for one in formation_of(hold.deploy):
        tasks = hold.drivers.engine.tasks(spec.service(one.type)) if one.quantity else []
        refused = next((task for task in tasks if _rejected(task)), None)
        if refused is not None:
            raise PlatformError(
                code="start:platform:rejected",
                message=_("the engine refuses to run %(process)s") % {"process": one.type},
                evidence=refused.error,
                hint=_("Push again; if it is refused again, show this to an operator."),
            )


def _rejected(task: Task) -> bool:
    return task.state == "rejected" and "swarm is not active" not in task.error


def _engine_is_new() -> bool:
    return Node.objects.filter(engine_started_at__gt=timezone.now() - ENGINE_GRACE).exists()


def crashed(hold: Hold, last: Seen) -> MinatoError:
    """Return the error of a process that exits again and again, with its last lines."""
    code = "?" if last.exit_code is None else str(last.exit_code)
    memory = _(" (out of memory)") if last.oom else ""
    return UserError(
        code="start:user:crashed",
        message=_("%(process)s exits with code %(code)s%(memory)s")
        % {"process": last.process, "code": code, "memory": memory},
        evidence="\n".join(last_lines(hold, last)),
        hint=_hint(last.exit_code),
    )


def _hint(exit_code: int | None) -> str:
    """Return what to do about a process that exits; 127 is the shell's word for a command that is not there."""
    if exit_code == NOT_FOUND:
        return _("Its command is not in the image: add what brings it to requirements.txt, or correct the Procfile.")
    return _("Any exit of a long-running process counts as a crash. The old release goes on serving.")


def last_lines(hold: Hold, last: Seen) -> list[str]:
    """Return what the container said last; the engine may have forgotten it."""
    try:
        return hold.drivers.engine.output(last.container, tail=TAIL)
    except PlatformError:
        return []


def not_ready(hold: Hold) -> MinatoError:
    """Return why a deploy whose time to start is over is not ready, as of now."""
    instances = _observed(hold)
    verdict = judge(formation_of(hold.deploy), instances, now=timezone.now(), settle=timedelta())
    return crashed(hold, verdict.crashed) if verdict.crashed else too_late(hold, verdict, instances)


def too_late(hold: Hold, verdict: Verdict, instances: Sequence[Seen]) -> MinatoError:
    """Return the error of a deploy that was not ready within its 60 s (R10), and why not."""
    started = subject(hold.deploy)
    slot = Slot.objects.filter(deploy=started).first()
    probe = Probe.objects.filter(app=started.app, deploy=started.number).first()
    why, hint = why_not(verdict, instances, port=slot.port if slot else 0, last_check=probe.last_check if probe else "")
    running = next((one for one in instances if one.process in verdict.missing), None)
    return UserError(
        code="start:user:boot-timeout",
        message=_("not ready within %(seconds)d s (R10): %(why)s") % {"seconds": hold.config.times.start, "why": why},
        evidence="\n".join(last_lines(hold, running)) if running else "",
        hint=hint,
    )


def _announce(hold: Hold) -> None:
    formation = formation_of(hold.deploy)
    names = " ".join(f"{one.type}.{n}" for one in formation for n in range(1, one.quantity + 1))
    if names:
        hold.voice.head(
            _("Starting %(names)s ... healthy in %(seconds).1fs") % {"names": names, "seconds": hold.seconds}
        )
