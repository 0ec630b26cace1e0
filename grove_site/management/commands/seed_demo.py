"""`manage.py seed_demo`: the demo tenant with its people and workflows. Calling it again changes nothing."""

from typing import Any

from django.core.management.base import BaseCommand

from grove_site.demo.seed import seed


class Command(BaseCommand):
    help = "Make the demo tenant."

    def handle(self, *args: Any, **options: Any) -> None:
        seed()
