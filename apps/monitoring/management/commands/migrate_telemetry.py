"""Bring the telemetry store to this checkout's schema."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from minato.drivers.wiring import drivers


class Command(BaseCommand):
    help = "Apply what is new in minato/observe/schema/ to the telemetry store."

    def handle(self, *args: Any, **options: Any) -> None:
        for name in drivers(settings.MINATO).telemetry.migrate():
            self.stdout.write(name)
