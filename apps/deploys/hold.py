"""A deploy in a worker's hands: the row as last read, the fence of the claim, and what it may use."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.builds.models import Build
from apps.deploys.models import Deploy
from apps.deploys.voice import Voice, voice
from minato.drivers.wiring import Drivers, drivers
from minato.errors import Cancelled, LostLease, MinatoError
from minato.values.config import Config, Times

log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between two looks while a step waits


def seconds_of(state: str, times: Times) -> float:
    """Return how long a deploy may stay in a state (ARCHITECTURE, table of deadlines)."""
    return {
        "queued": times.queued,
        "building": times.queued,  # until a builder takes it: then the build's own
        "releasing": times.release,
        "starting": times.start,
        "switching": times.switch,
        "proving": times.prove,
        "cancelling": times.cancel,
        "draining": times.drain,
    }.get(state, 0.0)


def after(seconds: float) -> Any:
    """Return the database's now plus `seconds`: deadlines know one clock."""
    return Now() + timedelta(seconds=seconds)


@dataclass
class Hold:
    """Every write goes through `move` or `write`, each one UPDATE that only the fence's holder wins."""

    deploy: Deploy
    fence: int
    missed: set[str] = field(default_factory=set)  # what was away, and the pusher has been told so

    @property
    def config(self) -> Config:
        config: Config = settings.MINATO
        return config

    @property
    def drivers(self) -> Drivers:
        return drivers(self.config)

    @functools.cached_property
    def voice(self) -> Voice:
        return voice("deploy", self.deploy.uid, app=self.deploy.app.uid, fence=self.fence, streams=self.drivers.streams)

    @property
    def late(self) -> bool:
        return timezone.now() >= self.deploy.deadline

    @property
    def seconds(self) -> float:
        """How long the deploy has been in its state."""
        return max(0.0, (timezone.now() - self.deploy.state_since).total_seconds())

    def look(self) -> None:
        """Read the row again. Raises LostLease when another has it, Cancelled when somebody wants its end."""
        self.deploy = read(self.deploy.pk)
        if self.deploy.fence != self.fence or self.deploy.state in Deploy.OVER:
            raise LostLease
        if self.deploy.cancel and self.deploy.state != "cancelling":
            raise Cancelled

    def pause(self, channel: str = "") -> None:
        """Wait a little, or until `channel` is nudged; then look."""
        self.drivers.streams.wait(channel or f"deploy:{self.deploy.uid}", timeout=LOOK)
        self.look()

    def wait_for(self, error: MinatoError) -> None:
        """Say once that something is away, and wait a little for it."""
        if error.code not in self.missed:
            self.missed.add(error.code)
            self.voice.warn(_("%(what)s Waiting for it.") % {"what": error.message})
        self.pause()

    def move(self, to: str, *, heed_cancel: bool = True, **fields: Any) -> None:
        """Go to another state, in one UPDATE. Raises LostLease or Cancelled, and then nothing is written."""
        deadline = after(seconds_of(to, self.config.times))
        self.write(heed_cancel=heed_cancel, state=to, state_since=Now(), deadline=deadline, **fields)

    def write(self, *, heed_cancel: bool = True, **fields: Any) -> None:
        """Write columns of the row, if it is still ours and in the state we know."""
        rows = Deploy.objects.filter(pk=self.deploy.pk, fence=self.fence, state=self.deploy.state)
        if heed_cancel:
            rows = rows.filter(cancel=False)
        if not rows.update(**fields):
            self.look()
            raise LostLease
        self.deploy = read(self.deploy.pk)

    def remember(self, **progress: Any) -> None:
        """Keep what a later step, or another worker, must know."""
        self.write(progress={**self.deploy.progress, **progress})

    def let_go(self) -> None:
        """Give the row back; no error when it is not ours any more."""
        rows = Deploy.objects.filter(pk=self.deploy.pk, fence=self.fence)
        rows.update(lease_until=None, owner="")


def read(pk: int) -> Deploy:
    return Deploy.objects.select_related("app", "build", "release__build__source", "source", "by").get(pk=pk)


def claim(pk: int) -> Hold | None:
    """Take a deploy whose turn it is; None: it is not, or another worker has it, or it is gone."""
    fence = Deploy.objects.claim(pk, owner=worker(), lease=settings.MINATO.times.lease)
    return None if fence is None else Hold(deploy=read(pk), fence=fence)


def seize(deploy: Deploy) -> Hold | None:
    """Take a deploy from whoever holds it, as the reconciler does with one past its deadline."""
    fence = deploy.fence + 1
    rows = Deploy.objects.filter(pk=deploy.pk, fence=deploy.fence, state=deploy.state)
    lease = after(settings.MINATO.times.lease)
    if not rows.update(fence=fence, owner=worker()[:100], lease_until=lease):
        return None
    return Hold(deploy=read(deploy.pk), fence=fence)


def worker() -> str:
    """Name this process, for people who look for a stuck one."""
    return f"{os.getpid()}-{threading.get_ident()}"


@contextmanager
def heartbeat(model: type[Deploy] | type[Build], pk: int, fence: int) -> Iterator[None]:
    """Renew the lease beside the work, until it is over or the lease is lost."""
    done = threading.Event()
    times = settings.MINATO.times

    def beat() -> None:
        try:
            while not done.wait(times.heartbeat):
                rows = model.objects.filter(pk=pk, fence=fence, lease_until__isnull=False)
                if not _renewed(rows.update, times.lease):
                    return
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"heartbeat-{pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _renewed(update: Any, lease: float) -> bool:
    """Renew once; a database that is away for a moment is asked again at the next beat."""
    try:
        return bool(update(lease_until=after(lease)))
    except DatabaseError as error:
        log.warning("heartbeat: %s", error)
        return True
