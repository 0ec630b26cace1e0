"""manage.py verify_egress: compare a signed report of what left the house with what is on record."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs import egress_check
from tenancy.context import tenant_context
from tenancy.errors import StatementInvalid
from tenancy.models import Tenant


class Command(BaseCommand):
    help = "Compare a report with the calls, runs and ledger of its tenant. Exit code 1 when anything is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("report", type=Path, help="the zip file that was downloaded")
        parser.add_argument("--tenant", required=True, help="slug of the tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(schema_name=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        try:
            with options["report"].open("rb") as file, tenant_context(tenant):
                faults = list(egress_check.find_faults(file))
        except OSError as error:
            raise CommandError(f"{options['report']} cannot be read: {error.strerror}.") from error
        except StatementInvalid as error:
            raise CommandError(error.sentence) from error
        for fault in faults:
            self.stdout.write(fault)
        if faults:
            raise CommandError(f"{len(faults)} things are not as the report says.")
        self.stdout.write(f"{options['report'].name}: every call is as it was recorded.")
