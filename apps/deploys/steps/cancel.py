"""cancelling: containers and services go first; only when they are seen to be gone is it `cancelled`."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils.translation import gettext as _

from apps.builds.models import Build
from apps.deploys.ends import anything_left, cancelled, give_back, nudge, remove_all
from apps.deploys.hold import Hold
from minato.errors import PlatformError

log = logging.getLogger(__name__)
INCIDENT = "cancel:platform:still-there"


def begin_cancel(hold: Hold) -> None:
    """Leave whatever state it is in; the hosts lead to the old release again at once."""
    with transaction.atomic():
        hold.move("cancelling", heed_cancel=False)
        if hold.deploy.build_id:
            Build.objects.filter(pk=hold.deploy.build_id, state__in=("queued", "running")).update(cancel=True)
        give_back(hold.deploy)
    nudge("node")


def cancel(hold: Hold) -> bool:
    """Remove until nothing is left, then end; after 10 s it is an incident, and the reconciler goes on trying."""
    while _still_there(hold):
        if hold.late:
            _report(hold)
            return False
        hold.pause()
    cancelled(hold)
    return False


def _still_there(hold: Hold) -> bool:
    try:
        remove_all(hold.deploy)
        return anything_left(hold.deploy)
    except PlatformError as error:
        log.warning("%s: cancel: %s", hold.deploy.uid, error)
        return True


def _report(hold: Hold) -> None:
    if hold.deploy.code == INCIDENT:
        return
    message = _("what it started is still there; the platform goes on trying")
    log.error("incident: deploy %s is cancelled but %s", hold.deploy.uid, message)
    hold.write(heed_cancel=False, code=INCIDENT, message=message)
    hold.voice.warn(message)
