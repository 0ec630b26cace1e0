"""`manage.py service_key create|revoke|list`: services that work for many tenants."""

import base64
import binascii
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from tenancy import service_keys
from tenancy.actors import SYSTEM
from tenancy.models import ServiceKey
from tenancy.permissions import Permission


class Command(BaseCommand):
    help = "Create, revoke or list service keys. The private half never comes here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create")
        create.add_argument("name")
        create.add_argument("--public-key", required=True, help="Ed25519, 32 bytes in base64")
        create.add_argument(
            "--scope", action="append", required=True, choices=[each.value for each in Permission]
        )
        create.add_argument("--days", type=int, default=366)
        actions.add_parser("revoke").add_argument("name")
        actions.add_parser("list")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _create(self, options: dict[str, Any]) -> None:
        try:
            key = service_keys.create(
                name=options["name"],
                public_key=base64.b64decode(options["public_key"], validate=True),
                scopes=options["scope"],
                days=options["days"],
                by=SYSTEM,
            )
        except (binascii.Error, ValueError) as error:
            raise CommandError("A public key is 32 bytes in base64.") from error
        except IntegrityError as error:
            raise CommandError("There is a service key of this name or value.") from error
        self.stdout.write(f"{key.name}: X-Grove-Service-Key: {key.pk}")

    def _revoke(self, options: dict[str, Any]) -> None:
        key = ServiceKey.objects.filter(name=options["name"]).first()
        if key is None:
            raise CommandError(f"There is no service key “{options['name']}”.")
        service_keys.revoke(key=key, by=SYSTEM)
        self.stdout.write(f"{key.name} is revoked.")

    def _list(self, options: dict[str, Any]) -> None:
        for key in ServiceKey.objects.order_by("name"):
            self.stdout.write(f"{key.name}\t{key.state}\t{key.pk}\t{' '.join(key.scopes)}")
