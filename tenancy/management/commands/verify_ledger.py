"""manage.py verify_ledger: check the whole ledger of one tenant or of all, and name the first wrong leaf."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenancy import verification, verifications
from tenancy.actors import Actor
from tenancy.models import Tenant
from tenancy.verification import Report

COMMAND = Actor(kind="system", id="grove", name="manage.py verify_ledger")


class Command(BaseCommand):
    help = "Compute every ledger anew and compare. Exit code 1 when anything is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="slug of one tenant; without it, all")
        parser.add_argument(
            "--checkpoint",
            type=Path,
            action="append",
            default=[],
            help="file with a checkpoint that was kept elsewhere (with --tenant; may be repeated)",
        )

        parser.add_argument(
            "--keep-nothing",
            action="store_true",
            help="put no verification on record: for a copy that may only be read",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug: str | None = options["tenant"]
        anchors = [path.read_text() for path in options["checkpoint"]]
        if anchors and not slug:
            raise CommandError("A checkpoint belongs to one tenant: name it with --tenant.")
        chosen = Tenant.objects.filter(schema_name=slug) if slug else Tenant.objects.order_by("pk")
        if not chosen:
            raise CommandError(f"There is no tenant “{slug}”.")
        if options["keep_nothing"]:
            reports = [verification.verify(tenant, anchors=anchors) for tenant in chosen]
        else:
            reports = [
                verifications.verify(tenant=tenant, anchors=anchors, by=COMMAND)
                for tenant in chosen
            ]
        for report in reports:
            self._print(report)
        wrong = sum(not report.is_sound for report in reports)
        if wrong:
            raise CommandError(f"{wrong} of {len(reports)} ledgers are not as they were signed.")

    def _print(self, report: Report) -> None:
        name = report.tenant.slug
        if report.is_sound:
            self.stdout.write(
                f"{name}: sound. {report.size} leaves under {report.checkpoints} checkpoints; "
                f"{report.waiting} entries wait for the sequencer."
            )
            if not report.has_marks_checked:
                self.stdout.write("  Marks were not checked: the root key is not at hand.")
        else:
            first, *more = report.faults
            self.stdout.write(f"{name}: NOT sound. First wrong leaf: {first.index} ({first.kind}).")
            self.stdout.write(f"  {first.sentence}")
            for fault in more:
                self.stdout.write(f"  then {fault.index} ({fault.kind}): {fault.sentence}")
        for verifier in report.verifiers:
            self.stdout.write(f"  key {verifier}")
