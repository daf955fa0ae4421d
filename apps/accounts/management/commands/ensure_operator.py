"""Make the first operator, and print a link that lets them in once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.accounts import links, operators


class Command(BaseCommand):
    help = "Make the first operator and print a one-time link; with --link, print a new link at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--link", action="store_true", help="print a new link, also when the operator exists")

    def handle(self, *args: Any, **options: Any) -> None:
        user, new = operators.ensure()
        if new or options["link"]:
            self.stdout.write(links.login_link(user))
