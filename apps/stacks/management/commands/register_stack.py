"""`manage.py register_stack <json file>`: the images that builds stand on, as `launch.images` printed them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.stacks.models import Stack

DEFAULT = "minato/trixie"
FIELDS = ("builder", "run", "run_name")


class Command(BaseCommand):
    """Builds take the stack that was registered last."""

    help = "Register builder and run image by digest from a JSON file with builder, run and run_name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("json_file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        read = json.loads(options["json_file"].read_text())
        missing = [name for name in FIELDS if not read.get(name)]
        if missing:
            raise CommandError(f"{options['json_file']} lacks {', '.join(missing)}")
        for name in ("builder", "run"):
            if "@sha256:" not in read[name]:
                raise CommandError(f"{name} must be a reference by digest, not {read[name]}")
        name = read.get("name") or DEFAULT
        Stack.objects.update_or_create(name=name, defaults={field: read[field] for field in FIELDS})
        self.stdout.write(f"stack {name} is registered")
