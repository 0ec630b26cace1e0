"""`manage.py provision URL`: roles, databases and grants on a PostgreSQL of one's own. Safe to repeat."""

import os
import secrets
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from grove_site.embedded import provision


class Command(BaseCommand):
    help = "Make Grove's roles and databases on a PostgreSQL server, and print what to set. Needs a superuser."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="postgresql://superuser:password@host:port/postgres")

    def handle(self, *args: Any, **options: Any) -> None:
        place = urlsplit(options["url"])
        passwords = {role: _password(role) for role in provision.ROLES}

        def url(database: str, role: str, scheme: str = "postgresql") -> str:
            host = f"{role}:{passwords[role]}@{place.hostname}:{place.port or 5432}"
            return urlunsplit((scheme, host, f"/{database}", "", ""))

        try:
            provision.create_roles(superuser_url=options["url"], password_of=passwords.__getitem__)
            provision.create_databases(superuser_url=options["url"], url=url)
        except psycopg.Error as error:
            raise CommandError(f"The server at {place.hostname} refused: {error}") from None
        names = provision.NAMES
        for name, value in {
            "DATABASE_URL": url(names.main, provision.APP),
            "KEYS_DATABASE_URL": url(names.keys, provision.APP),
            "BROKER_URL": url(names.queue, provision.APP, "pgmq"),
            "OWNER_DATABASE_URL": url(names.main, provision.OWNER),
            "KEYS_OWNER_DATABASE_URL": url(names.keys, provision.OWNER),
        }.items():
            self.stdout.write(f"{name}={value}")


def _password(role: str) -> str:
    """That of the environment (GROVE_OWNER_PASSWORD, GROVE_APP_PASSWORD, …), else a new one."""
    return os.environ.get(f"{role.upper()}_PASSWORD") or secrets.token_urlsafe(24)
