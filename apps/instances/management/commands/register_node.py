"""`manage.py register_node <name> <token file>`: make a node known to the control plane."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.instances.models import Node

SHORTEST = 32


class Command(BaseCommand):
    """Run again with another token to replace it."""

    help = "Register a node by name, with the token that its agent has in a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("token_file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        token = options["token_file"].read_text().strip()
        if len(token) < SHORTEST:
            raise CommandError(f"the token in {options['token_file']} is shorter than {SHORTEST} characters")
        digest = hashlib.sha256(token.encode()).hexdigest()
        Node.objects.update_or_create(name=options["name"], defaults={"token_sha256": digest})
        self.stdout.write(f"node {options['name']} is registered")
