"""`manage.py up`: everything in one foreground process."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from grove_site.embedded.errors import StartRefused
from grove_site.embedded.supervisor import Plan, Supervisor

WORKERS = 2


class Command(BaseCommand):
    help = (
        "Start PostgreSQL, the model server, workers, beat and the web server; Ctrl-C stops them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="make the demo tenant and run its demo"
        )
        parser.add_argument("--input", type=Path, help="a text file for the demo, such as a letter")
        parser.add_argument(
            "--until-demo-ends", action="store_true", help="stop when the demo has ended"
        )
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--workers", type=int, default=WORKERS)

    def handle(self, *args: Any, **options: Any) -> None:
        text = options["input"]
        if text is not None and not text.is_file():
            raise CommandError(f"{text} is not a file. Give a text file: make run INPUT=letter.txt")
        plan = Plan(
            state=settings.STATE_DIR,
            host=options["host"],
            port=options["port"],
            workers=options["workers"],
            slots=settings.RUN_SLOTS,
            first_processor=settings.WORKER_PROCESSOR,
            demo=options["demo"] or text is not None,
            demo_input=text and text.resolve(),
            stay=not options["until_demo_ends"],
        )
        try:
            sys.exit(Supervisor(plan, say=self._say).up())
        except KeyboardInterrupt:
            return
        except StartRefused as refusal:
            raise CommandError(str(refusal)) from None

    def _say(self, what: str, words: str) -> None:
        self.stdout.write(f"{what:<18}{words}")
        self.stdout.flush()
