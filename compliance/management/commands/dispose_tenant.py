"""`manage.py dispose_tenant SLUG`: first a dry run; with its plan, a legal basis and a reason the tenant is deleted."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from compliance import tenant_disposal
from compliance.models import LegalBasis
from tenancy.actors import SYSTEM
from tenancy.errors import GroveError
from tenancy.models import Tenant


class Command(BaseCommand):
    help = (
        "Delete a suspended tenant with all that is in it. Without --plan only a dry run is made."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--plan", type=UUID, help="what the dry run gave")
        parser.add_argument("--legal-basis", choices=LegalBasis.values, default="")
        parser.add_argument("--reason", default="", help="kept for ever: name no person in it")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant: Tenant | None = Tenant.objects.filter(schema_name=options["slug"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['slug']}”.")
        try:
            if options["plan"] is None:
                self._plan(tenant)
            else:
                self._execute(tenant, options)
        except GroveError as error:
            raise CommandError(error.sentence) from error

    def _plan(self, tenant: Tenant) -> None:
        plan = tenant_disposal.plan(tenant=tenant, by=SYSTEM)
        for kind, rows in plan.counts.items():
            self.stdout.write(f"{rows}\t{kind}")
        self.stdout.write(f"Nothing is deleted yet. Within 30 minutes: --plan {plan.pk}")

    def _execute(self, tenant: Tenant, options: dict[str, Any]) -> None:
        done = tenant_disposal.execute(
            tenant=tenant,
            plan_id=options["plan"],
            by=SYSTEM,
            legal_basis=options["legal_basis"],
            reason=options["reason"],
        )
        self.stdout.write(f"{tenant.slug} is deleted: disposal {done.pk}.")
