"""`manage.py reconcile`: compare what is with what should be, every 2 s. Not Celery: it works while Redis is down."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from apps.deploys.reconcile import reconcile


class Command(BaseCommand):
    """Any number may run, on any machine."""

    help = "Repair the platform's state every 2 s; --once for a single round."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            reconcile()
            return
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        turn = 0
        while not stop.is_set():
            close_old_connections()
            reconcile(turn)
            turn += 1
            stop.wait(settings.MINATO.times.observe)
