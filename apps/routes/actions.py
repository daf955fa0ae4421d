"""Slots and generations: what every node's router must know, computed whole from the rows."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from apps.applications.models import App, Process
from apps.instances.models import Node
from apps.routes.models import RouterGeneration, Slot
from minato.errors import PlatformError
from minato.values.router import RouterState, SlotState

# below the ephemeral ports; which of them is free goes round, so that none is reused soon
PORTS = range(20_000, 30_000)
KEPT = 50  # generations
TRIES = 5


def take_slot(*, deploy: int, service: str, check_path: str = "") -> Slot:
    """Return the slot of a deploy (by key), the lowest free one at first. Raises PlatformError when all are held.

    The check path is kept as it is now: a change of the app's setting acts with its next deploy.
    """
    held = Slot.objects.filter(deploy_id=deploy).first()
    if held is not None:
        return held
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return Slot.objects.create(
                    number=_free_number(),
                    port=_free_port(deploy),
                    deploy_id=deploy,
                    service=service,
                    check_path=check_path,
                )
        except IntegrityError:
            continue  # somebody took the same one: look again
    raise _none_left()


def _free_number() -> int:
    taken = set(Slot.objects.values_list("number", flat=True))
    free = next((number for number in range(1, settings.MINATO.slots + 1) if number not in taken), None)
    if free is None:
        raise _none_left()
    return free


def _free_port(seed: int) -> int:
    taken = set(Slot.objects.values_list("port", flat=True))
    ports = (PORTS[(seed + step) % len(PORTS)] for step in range(len(PORTS)))
    return next(port for port in ports if port not in taken)


def _none_left() -> PlatformError:
    return PlatformError(
        code="route:platform:no-slot",
        message=f"All {settings.MINATO.slots} slots of the router are held (H99).",
        hint="An operator can raise their number; `make doctor` says how.",
    )


def next_generation(*, reason: str) -> RouterGeneration:
    """Write the next generation from the rows as this transaction sees them. Call it last, inside the transaction.

    Two at once: the loser computes again from what the winner wrote, so that the newest generation has both.
    """
    for left in reversed(range(TRIES)):
        number = _newest() + 1
        try:
            with transaction.atomic():
                return RouterGeneration.objects.create(
                    number=number, state=_state(number).to_json(), reason=reason[:100]
                )
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _newest() -> int:
    """Return the highest number anybody knows: a database from a backup must not fall behind its nodes."""
    made = RouterGeneration.objects.aggregate(Max("number"))["number__max"] or 0
    applied = Node.objects.aggregate(Max("generation"))["generation__max"] or 0
    return max(made, applied)


def _state(number: int) -> RouterState:
    slots = list(Slot.objects.select_related("deploy__app", "deploy__release").order_by("number"))
    held = {slot.deploy.app_id: slot.number for slot in slots if slot.host_held}
    crashed = set(Process.objects.filter(type="web", crashed_at__isnull=False).values_list("app_id", flat=True))
    crashed -= {slot.deploy.app_id for slot in slots if slot.host_held and slot.deploy.state != "live"}
    hosts: dict[str, int] = {}
    closed: dict[str, str] = {}
    owners: dict[str, str] = {}
    for app in App.objects.live().prefetch_related("domains").order_by("pk"):
        code = _closed(app, held, crashed)
        for host in hosts_of(app):
            if code:
                closed[host], owners[host] = code, app.uid
            else:
                hosts[host] = held[app.pk]
    return RouterState(
        generation=number, hosts=hosts, slots=tuple(_slot(slot) for slot in slots), closed=closed, owners=owners
    )


def _closed(app: App, held: Mapping[int, int], crashed: set[int]) -> str:
    """Return the H-code that an app's visitors get instead of the app, or "" when it is open."""
    if app.maintenance:
        return "H80"
    if app.pk in crashed:
        return "H10"
    return "" if app.pk in held else "H14"


def hosts_of(app: App) -> list[str]:
    return [settings.MINATO.app_host(app.name), *(domain.host for domain in app.domains.all())]


def _slot(slot: Slot) -> SlotState:
    deploy, app = slot.deploy, slot.deploy.app
    return SlotState(
        number=slot.number,
        app=app.uid,
        app_name=app.name,
        deploy=deploy.number,
        release=f"v{deploy.release.number}" if deploy.release else "",
        service=slot.service,
        port=slot.port,
        check_path=slot.check_path,
        check_host=settings.MINATO.app_host(app.name),
        draining=slot.draining_since is not None,
    )


def prune() -> int:
    """Remove old generations but for the last ones; return how many."""
    newest = RouterGeneration.objects.aggregate(Max("number"))["number__max"] or 0
    return RouterGeneration.objects.filter(number__lte=newest - KEPT).delete()[0]
