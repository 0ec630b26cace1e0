"""manage.py rotate_keys: wrap every tenant's key with GROVE_ROOT_KEY, while everything runs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenancy import rotation
from tenancy.actors import SYSTEM
from tenancy.errors import GroveError
from tenancy.root_key import root_keys


class Command(BaseCommand):
    help = (
        "Wrap every tenant's key with GROVE_ROOT_KEY. The key that wrapped them until now must be "
        "in GROVE_ROOT_KEYS_OLD. May be stopped and run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(f"Wrapping with root key {root_keys().current.id}.")
            steps = list(map(self._print, rotation.rotate_root(by=SYSTEM)))
        except GroveError as error:
            raise CommandError(error.sentence) from error
        failed = [step for step in steps if step.outcome == rotation.FAILED]
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(steps)} tenant keys could not be wrapped anew."
            )
        self.stdout.write(
            "Done. When no process uses the old root key any more, "
            "take it out of GROVE_ROOT_KEYS_OLD."
        )

    def _print(self, step: rotation.Step) -> rotation.Step:
        self.stdout.write(f"{step.tenant.slug}: {step.outcome}. {step.sentence}".rstrip())
        return step
