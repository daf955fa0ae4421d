"""A build in a builder's hands: claim, run, record. What it leaves is an image by digest, or a reason."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.builds.models import Build
from apps.deploys import kick
from apps.deploys.hold import after, heartbeat, worker
from apps.deploys.models import Deploy
from apps.deploys.voice import Voice, ship, voice
from apps.stacks.models import Stack
from minato import build as builder
from minato.drivers.wiring import drivers
from minato.errors import Cancelled, LostLease, MinatoError, PlatformError, UserError
from minato.values.build import BuildPlan, BuildResult, Phase
from minato.values.build import Stack as StackValue

log = logging.getLogger(__name__)
MOST_ATTEMPTS = 3
AGAIN = 1.0  # seconds between two tries while the engine or the registry is away
REMEMBERED = 200  # of the last lines, so that an error does not say them again
MARGIN = 10.0  # seconds that a deploy waits longer than its build: the build knows the reason


def run_build(pk: int) -> None:
    """Claim a queued build and run it to its end. Anybody may call this at any time."""
    times = settings.MINATO.times
    fence = Build.objects.claim(pk, owner=worker(), lease=times.lease, seconds=times.build)
    if fence is None:
        return
    Deploy.objects.filter(build_id=pk, state="building").update(deadline=after(times.build + MARGIN))
    job = Job(Build.objects.select_related("app", "source").get(pk=pk), fence)
    with heartbeat(Build, pk, fence):
        job.run()


class Job:
    """One attempt. Every write carries its fence."""

    def __init__(self, row: Build, fence: int) -> None:
        self.row = row
        self.fence = fence
        self.drivers = drivers(settings.MINATO)
        self.voice: Voice = voice("build", row.uid, app=row.app.uid, fence=fence, streams=self.drivers.streams)
        self.phases: list[Phase] = []
        self.stopped: MinatoError | None = None
        self.recorded = False  # the row has its image
        self.said: deque[str] = deque(maxlen=REMEMBERED)
        self.missed: set[str] = set()  # what was away, and the pusher has been told so

    def run(self) -> None:
        """Build, and record how it ended; a lost lease is not ours to record."""
        try:
            self._build()
        except LostLease:
            log.info("%s: another builder has it", self.row.uid)
        except Cancelled:
            self._cancelled()
        except MinatoError as error:
            self._fail(error)
        except DatabaseError:
            raise  # nothing can be written now: the lease runs out and the build is tried again
        except Exception:
            log.exception("incident: build %s", self.row.uid)
            self._fail(_incident(self.row))

    def _build(self) -> None:
        """Build and record; what is away is waited for until the build's deadline, then everything begins anew."""
        stack = _stack()
        if self.row.attempt > 1:
            self.voice.warn(_("worker lost, build restarted (attempt %(n)d)") % {"n": self.row.attempt})
        self._write(builder_image=stack.builder, run_image=stack.run)
        while True:
            try:
                self._attempt(plan_of(self.row, self.fence, stack))
                return
            except PlatformError as error:
                if self.recorded:
                    log.warning("%s: the reconciler will remove what is left: %s", self.row.uid, error)
                    return
                if not error.passes or timezone.now() >= self.row.deadline:
                    raise
                self._wait_for(error)

    def _wait_for(self, error: MinatoError) -> None:
        """Say once that something is away, and wait a little for it. Raises Cancelled or LostLease."""
        self.phases.clear()
        if error.code not in self.missed:
            self.missed.add(error.code)
            self.voice.warn(_("%(what)s The build waits for it and begins anew.") % {"what": error.message})
        self.drivers.streams.wait(f"build:{self.row.uid}", timeout=AGAIN)
        if self._stop() and self.stopped is not None:
            raise self.stopped

    def _attempt(self, plan: BuildPlan) -> None:
        """Build; the image is recorded before its containers go, so that the deploy does not wait for their end."""
        builder.run(
            plan,
            engine=self.drivers.engine,
            registry=self.drivers.registry,
            blobs=self.drivers.blobs,
            config=settings.MINATO,
            say=self._say,
            phase=self._phase,
            stop=self._stop,
            made=self._succeed,
        )

    def _say(self, kind: str, text: str) -> None:
        self.said.append(text.rstrip())
        self.voice.say(kind, text)

    def _phase(self, phase: Phase) -> None:
        self.phases.append(phase)
        self.voice.phase(phase)

    def _stop(self) -> bool:
        """Say whether to stop now, and remember why; asked about twice a second."""
        self.stopped = self.stopped or self._reason_to_stop()
        return self.stopped is not None

    def _reason_to_stop(self) -> MinatoError | None:
        row = Build.objects.filter(pk=self.row.pk, fence=self.fence, state="running").values_list("cancel").first()
        if row is None:
            return LostLease()
        return Cancelled() if row[0] else None

    def _cancelled(self) -> None:
        """Record the end that somebody asked for; a lost lease is a successor's to record."""
        if isinstance(self.stopped, LostLease):
            log.info("%s: another builder has it", self.row.uid)
            return
        self._end("cancelled", code="deploy:user:cancelled", message=_("cancelled"))

    def _succeed(self, result: BuildResult) -> None:
        self.recorded = True
        self._end(
            "succeeded",
            image=result.image,
            processes=dict(result.processes),
            reused_layers=result.reused_layers,
            size=result.size,
        )

    def _fail(self, error: MinatoError) -> None:
        for line in error.evidence.splitlines():
            if line not in self.said:  # whoever watches has just read the build's own last lines
                self.voice.body(line)
        self._end("failed", code=error.code[:60], message=error.message, hint=error.hint)

    def _end(self, state: str, **fields: Any) -> None:
        """State and effect in one transaction; then the stream's end, the kept lines and the deploy that waits."""
        phases = [asdict(phase) for phase in self.phases]
        try:
            with transaction.atomic():
                self._write(state=state, lease_until=None, owner="", finished=Now(), phases=phases, **fields)
                for pk in Deploy.objects.filter(build=self.row, state="building").values_list("pk", flat=True):
                    kick.deploy(pk)
        except LostLease:
            log.info("%s: another builder has it", self.row.uid)
            return
        self.voice.end(state, code=fields.get("code", ""), message=fields.get("message", ""))
        ship(self.row.uid, telemetry=self.drivers.telemetry, config=settings.MINATO)

    def _write(self, **fields: Any) -> None:
        """Raises LostLease when another builder has a newer fence."""
        if not Build.objects.filter(pk=self.row.pk, fence=self.fence, state="running").update(**fields):
            raise LostLease


def plan_of(row: Build, fence: int, stack: StackValue) -> BuildPlan:
    """Return what the engine's side of a build must know of one attempt."""
    previous = Build.objects.filter(app=row.app, state="succeeded").order_by("-number").first()
    return BuildPlan(
        build=row.uid,
        app=row.app.uid,
        number=row.number,
        fence=fence,
        source=row.source.sha256,
        commit=row.source.commit,
        stack=stack,
        repository=f"{settings.MINATO.registry}/apps/{row.app.uid}",
        previous=previous.image if previous else "",
    )


def _stack() -> StackValue:
    row = Stack.objects.order_by("-updated").first()
    if row is None:
        raise PlatformError(
            code="build:platform:no-stack",
            message=_("This platform has no build images yet."),
            hint=_("An operator runs `make run` once more: it makes them."),
        )
    return row.value()


def too_long(seconds: float) -> UserError:
    return UserError(
        code="build:user:timeout",
        message=_("the build took over %(minutes)d minutes") % {"minutes": seconds // 60},
        hint=_("Move long work out of the build."),
    )


def _incident(row: Build) -> PlatformError:
    return PlatformError(
        code="build:platform:incident",
        message=_("the platform failed while building; this is not your fault"),
        hint=_("Tell an operator the build's id: %(uid)s") % {"uid": row.uid},
    )
