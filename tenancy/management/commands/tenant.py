"""`manage.py tenant create|platform|suspend|restore|list|export`: the life of tenants, from the machine itself."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from tenancy import exports, members, tenants
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.models import Tenant
from tenancy.permissions import Role


class Command(BaseCommand):
    help = "Create, suspend, restore, list or export tenants; open the platform's own pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="a tenant, its host name and its first admin")
        create.add_argument("slug")
        create.add_argument("--name", required=True)
        create.add_argument("--domain", required=True, help="host name, such as acme.example.org")
        create.add_argument("--admin", required=True, help="e-mail address of the first admin")
        platform = actions.add_parser("platform", help="a host name and an admin for the platform")
        platform.add_argument("--domain", required=True)
        platform.add_argument("--admin", required=True, help="e-mail address")
        for action in ("suspend", "restore"):
            actions.add_parser(action).add_argument("slug")
        actions.add_parser("list")
        export = actions.add_parser("export", help="all that a tenant has, as one zip file")
        export.add_argument("slug")
        export.add_argument("--to", required=True, type=Path, help="a file that is not there yet")
        export.add_argument("--sealed", action="store_true", help="open nothing that is sealed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except GroveError as error:
            raise CommandError(error.sentence) from error

    def _create(self, options: dict[str, Any]) -> None:
        tenant = tenants.create(
            name=options["name"], slug=options["slug"], domain=options["domain"], by=SYSTEM
        )
        self.stdout.write(f"{tenant.name} is there. Its first admin joins within a week at")
        self._invite(tenant, options)

    def _platform(self, options: dict[str, Any]) -> None:
        platform = tenants.get_platform()
        tenants.add_host(tenant=platform, domain=options["domain"], by=SYSTEM)
        self.stdout.write("The platform answers there. Its admin joins within a week at")
        self._invite(platform, options)

    def _invite(self, tenant: Tenant, options: dict[str, Any]) -> None:
        with tenant_context(tenant):
            admin = members.invite(email=options["admin"], name="", role=Role.ADMIN, by=SYSTEM)
            link = reverse("tenancy:join", args=[members.invitation_of(admin)])
        self.stdout.write(f"  <scheme>://{options['domain']}{link}")

    def _suspend(self, options: dict[str, Any]) -> None:
        tenants.suspend(tenant=_get(options["slug"]), by=SYSTEM)
        self.stdout.write(f"{options['slug']} is suspended.")

    def _restore(self, options: dict[str, Any]) -> None:
        tenants.restore(tenant=_get(options["slug"]), by=SYSTEM)
        self.stdout.write(f"{options['slug']} is open.")

    def _list(self, options: dict[str, Any]) -> None:
        for tenant in Tenant.objects.order_by("schema_name"):
            hosts = ", ".join(domain.domain for domain in tenant.domains.all())
            self.stdout.write(f"{tenant.slug}\t{tenant.status}\t{hosts}\t{tenant.name}")

    def _export(self, options: dict[str, Any]) -> None:
        tenant, path = _get(options["slug"]), options["to"]
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        with os.fdopen(file, "wb") as out, tenant_context(tenant):
            bundle = exports.write(file=out, with_content=not options["sealed"], by=SYSTEM)
        self.stdout.write(f"{bundle.rows} rows in {len(bundle.files)} files: {path}")
        self.stdout.write(f"SHA-256 of the manifest: {bundle.manifest_sha256}")


def _get(slug: str) -> Tenant:
    tenant: Tenant | None = Tenant.objects.filter(schema_name=slug).first()
    if tenant is None:
        raise CommandError(f"There is no tenant “{slug}”.")
    return tenant
