"""Keep a working operator's token in a file, for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.accounts import operators


class Command(BaseCommand):
    help = "Write an operator's API token to a file (0600), unless the one in it still works."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        operators.write_token(options["file"])
