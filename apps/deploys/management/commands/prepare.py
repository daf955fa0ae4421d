"""Every row that a start expects, made by one process instead of five: each of them would start Django anew."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Run again it changes nothing. Prints the first operator's one-time link when it made that operator."""

    help = "Telemetry's schema, the stack, this machine's node, the first operator and their token."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stack", required=True, help="what launch.images printed")
        parser.add_argument("--node-token", required=True)
        parser.add_argument("--operator-token", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate_telemetry", stdout=self.stderr)
        call_command("register_stack", options["stack"], stdout=self.stderr)
        call_command("register_node", settings.MINATO.node, options["node_token"], stdout=self.stderr)
        call_command("ensure_operator", stdout=self.stdout)
        call_command("operator_token", options["operator_token"], stdout=self.stderr)
