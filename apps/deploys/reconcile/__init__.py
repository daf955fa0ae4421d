"""Repair: what is compared with what should be, every 2 s, by any number of processes, also while Redis is down."""

from __future__ import annotations

import logging
from collections.abc import Callable

from apps.deploys.reconcile import (
    cleaning,
    crashes,
    deadlines,
    draining,
    keeping,
    kicks,
    leases,
    reaping,
    refs,
    services,
    sweeping,
)
from minato.errors import PlatformError

log = logging.getLogger(__name__)

Part = Callable[[], object]

PARTS: tuple[Part, ...] = (
    leases.deploys,
    leases.builds,
    deadlines.deploys,
    deadlines.builds,
    kicks.cancelled,
    kicks.deploys,
    kicks.builds,
    crashes.crashes,
    draining.drained,
    services.services,
    refs.left_behind,
    reaping.deleted_apps,
)
SELDOM: tuple[Part, ...] = (
    services.containers,
    cleaning.generations,
    cleaning.instances,
    cleaning.keys,
    cleaning.spool,
)
SELDOM_EVERY = 5  # rounds
RARELY: tuple[Part, ...] = (
    keeping.images,
    sweeping.registry,
    sweeping.sources,
)
RARELY_EVERY = 300  # rounds, 10 minutes


def reconcile(turn: int = 0) -> None:
    """Run every part once; one that fails stops no other. `turn` counts the rounds."""
    for part in _due(turn):
        try:
            part()
        except PlatformError as error:
            log.warning("%s: %s %s", part.__name__, error, error.evidence)
        except Exception:
            log.exception("incident: %s", part.__name__)


def _due(turn: int) -> tuple[Part, ...]:
    return PARTS + (SELDOM if turn % SELDOM_EVERY == 0 else ()) + (RARELY if turn % RARELY_EVERY == 0 else ())
