"""switching: the generation that moves the hosts, and the wait until every node has applied it."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.deploys.ends import nudge
from apps.deploys.hold import Hold
from apps.deploys.models import Deploy
from apps.instances.models import Node
from apps.monitoring.models import Probe
from apps.routes.actions import next_generation
from apps.routes.models import Slot
from minato.errors import PlatformError

Counts = dict[str, list[int]]  # deploy number -> [requests, failed]


def switch(hold: Hold) -> bool:
    """Move the hosts to the new slot; go on to `proving` when the nodes say that they have."""
    if "switched" not in hold.deploy.progress:
        _move_hosts(hold)
    _wait_applied(hold)
    hold.move("proving")
    return True


def _move_hosts(hold: Hold) -> None:
    deploy = hold.deploy
    with transaction.atomic():
        Slot.objects.filter(deploy__app=deploy.app, host_held=True).exclude(deploy=deploy).update(host_held=False)
        Slot.objects.filter(deploy=deploy).update(host_held=True)
        generation = next_generation(reason=f"{deploy.app.uid} {deploy} takes the hosts")
        progress = {**deploy.progress, "switched": timezone.now().isoformat(), "before": counts(deploy)}
        hold.write(generation=generation.number, progress=progress)
    nudge("node")


def counts(deploy: Deploy) -> Counts:
    """Return what the routers have counted for this deploy and for the one that is live."""
    numbers = [deploy.number]
    numbers += Deploy.objects.filter(app=deploy.app, state="live").values_list("number", flat=True)
    rows = Probe.objects.filter(app=deploy.app, deploy__in=numbers)
    return {str(row.deploy): [row.requests, row.failed] for row in rows}


def _wait_applied(hold: Hold) -> None:
    """Return when every node that is not lost has the generation. Raises PlatformError after 5 s; the hosts go back."""
    while not applied(hold.deploy.generation, lost_after=hold.config.times.stale):
        if hold.late:
            raise PlatformError(
                code="switch:platform:not-applied",
                message=_("the router did not take the new state within %(seconds)d s")
                % {"seconds": hold.config.times.switch},
                hint=_("The old release goes on serving. Push again, or ask an operator."),
            )
        hold.pause(f"observed:{hold.deploy.app.uid}")


def applied(generation: int, *, lost_after: float) -> bool:
    """Say whether there is a node that speaks, and all such nodes have the generation."""
    known = Node.objects.filter(observed_at__gte=Now() - timedelta(seconds=lost_after)).values_list(
        "generation", flat=True
    )
    return bool(known) and min(known) >= generation
