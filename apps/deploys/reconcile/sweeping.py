"""What no row and no repository names: left by whoever died between two writes."""

from __future__ import annotations

import logging

from django.conf import settings

from apps.sources.models import Source
from minato.drivers.wiring import drivers

log = logging.getLogger(__name__)

UNTOUCHED = 3600.0  # seconds: twice as long as anything may take to come


def registry() -> None:
    """Remove the registry's blobs that no repository links to."""
    swept = drivers(settings.MINATO).registry.sweep(older_than=UNTOUCHED)
    if swept:
        log.info("registry: %d blobs belong to no repository: removed", swept)


def sources() -> None:
    """Remove source blobs that no row names, and what was left half written."""
    blobs = drivers(settings.MINATO).blobs
    there = blobs.names()
    named = set(Source.objects.values_list("sha256", flat=True))  # after the names: a blob is older than its row
    swept = sum(blobs.expire(sha256, older_than=UNTOUCHED) for sha256 in there if sha256 not in named)
    if swept:
        log.warning("%d source blobs belong to no app: removed", swept)
    blobs.clear_scratch(older_than=UNTOUCHED)
