"""`manage.py migrate_databases`: both databases, as the role that owns them. With --check it only looks."""

from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from tenancy.router import database_of


class Command(BaseCommand):
    help = "Migrate the main database and that of the keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="fail where a migration is missing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = {"check_unapplied": options["check"], "verbosity": options["verbosity"]}
        call_command("migrate", database="default", **given)
        for label in sorted(_apps_with_keys()):  # the others have no table there
            call_command("migrate", label, database="keys", **given)


def _apps_with_keys() -> set[str]:
    return {model._meta.app_label for model in apps.get_models() if database_of(model) == "keys"}
