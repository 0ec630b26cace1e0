"""`manage.py migrate_databases`: both databases, as the role that owns them. With --check it only looks."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from tenancy.context import ALIASES


class Command(BaseCommand):
    help = "Migrate the main database and that of the keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="fail where a migration is missing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for alias in ALIASES:
            call_command("migrate", database=alias, check_unapplied=options["check"])
