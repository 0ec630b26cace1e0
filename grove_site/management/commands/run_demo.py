"""`manage.py run_demo [--input letter.txt]`: one run through the real worker, told node by node."""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from grove_site.demo import seed
from runs import payloads, start
from runs.models import Decision, ModelCall, NodeExecution, Run, RunStatus, Wait
from runs.views import names
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from workflows import json_schemas
from workflows.definition import NodeGraph
from workflows.models import Workflow

LOOK_SECONDS = 0.2
SILENCE_SECONDS = 60.0  # without a worker nothing happens, and nobody should wait for it in silence
MILLION = 1_000_000


class Command(BaseCommand):
    help = "Run the demo's complaint handling on a letter, and show what happens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--input", type=Path, help="a text file, or JSON (*.json)")
        parser.add_argument("--workflow", default="", help="the name of a published workflow")
        parser.add_argument("--patience", type=float, default=900, help="seconds to wait at most")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["input"] or seed.HERE / "letters" / "02-account-takeover.txt"
        tenant = seed.find_tenant()
        if tenant is None:
            raise CommandError("There is no demo tenant yet: manage.py seed_demo makes it.")
        with tenant_context(tenant):
            try:
                run = self._start(options["workflow"], path)
            except GroveError as error:
                raise CommandError(error.sentence) from error
            self._follow(run, patience=options["patience"])
            run.refresh_from_db()
            self._sum_up(run)
        if run.status not in (RunStatus.COMPLETED, RunStatus.WAITING):
            raise CommandError(f"The run ended as {run.status}.")

    def _start(self, slug: str, path: Path) -> Run:
        run_input = read_input(path)
        workflow = _workflow_named(slug) if slug else _workflow_for(run_input)
        version = workflow.published
        assert version is not None  # noqa: S101 - both look for published ones
        run = start.start(version=version, run_input=run_input, by=seed.actor("Bob"))
        self.stdout.write(f"\n{workflow.title}, version {version.number}, with {path.name}")
        self.stdout.write(f"Run {run.pk}\n\n")
        return run

    def _follow(self, run: Run, *, patience: float) -> None:
        """Print each node once, when it has ended."""
        nodes = run.version.revision.definition
        told: set[Any] = set()
        began = last_news = time.monotonic()
        while True:
            run.refresh_from_db(fields=["status"])
            ended = run.is_terminal  # asked before the nodes, so that none of the last is missed
            for node in _ended_nodes(run):
                if node.pk not in told:
                    told.add(node.pk)
                    last_news = time.monotonic()
                    self._tell(node, nodes)
            if ended or self._is_for_somebody(run):
                return
            waited = time.monotonic() - began
            if waited > patience:
                raise CommandError(f"The run has not ended after {patience:g} seconds.")
            if run.status == RunStatus.QUEUED and time.monotonic() - last_news > SILENCE_SECONDS:
                raise CommandError("No worker takes the run. Is one running? `make run` starts it.")
            time.sleep(LOOK_SECONDS)

    def _is_for_somebody(self, run: Run) -> bool:
        """Whether nothing goes on before somebody answers; says whom it waits for."""
        if run.status != RunStatus.WAITING:
            return False
        asked = list(Wait.objects.filter(run=run, answered_at=None, withdrawn_at=None))
        for wait in asked:
            whom = f"somebody with the role {wait.approver}" if wait.approver else "a callback"
            self.stdout.write(
                f"  … {wait.node_id}: waits for {whom}, until {wait.expires_at:%Y-%m-%d %H:%M} UTC"
            )
        return bool(asked)

    def _tell(self, node: NodeExecution, nodes: NodeGraph) -> None:
        mark = _MARKS[node.status]
        took = ""
        if node.started_at and node.finished_at and node.status != "skipped":
            took = f"{(node.finished_at - node.started_at).total_seconds():7.2f} s"
        words = [node.kind, node.branch and f"branch {node.branch}", node.error_sentence]
        if node.model:
            words.append(f"{node.model}, {node.tokens_in} + {node.tokens_out} tokens")
        told = ", ".join(word for word in words if word)
        title = names.full_name(nodes, node.node_id)
        self.stdout.write(f"  {mark} {title:<44.44}{took:>10}  {told}")

    def _sum_up(self, run: Run) -> None:
        write = self.stdout.write
        decisions = Decision.objects.filter(run=run)
        write(f"\nDecisions ({len(decisions)})")
        for decision in decisions:
            policies = ", ".join(decision.policies)
            write(
                f"  {decision.verdict:<8} {decision.node_id} → {decision.resource_name}  [{policies}]"
            )
        if run.error_sentence:
            write(f"\nError at {run.error_node or 'the run'}: {run.error_sentence}")
        if run.status == RunStatus.COMPLETED:
            output = payloads.open_payload(run, "output_sealed")
            write(f"\nResult\n{json.dumps(output, indent=2, ensure_ascii=False)}")
        calls = ModelCall.objects.filter(run=run).count()
        write(
            f"\nCost     {run.cost_micros / MILLION:.6f} {run.currency} for {calls} model calls, "
            f"{run.tokens_in} + {run.tokens_out} tokens"
        )
        if run.started_at and run.finished_at:
            write(f"Took     {(run.finished_at - run.created_at).total_seconds():.1f} s")
        write(f"Page     http://{seed.DOMAIN}:{settings.PORT}{run.get_absolute_url()}")
        write(f"Sign in  {seed.address('Bob')} with {seed.PASSWORD}\n")


def read_input(path: Path) -> Any:
    """A text file becomes {"text": …}; JSON is taken as it is. Raises CommandError with a sentence."""
    try:
        if path.stat().st_size > settings.INPUT_LIMIT_BYTES:
            limit = settings.INPUT_LIMIT_BYTES
            raise CommandError(
                f"{path.name} has {path.stat().st_size:,} bytes; at most {limit:,} are taken."
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path.name} is not UTF-8 text. Save it as UTF-8.") from error
    if path.suffix != ".json":
        return {"text": text}
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(f"{path.name}, line {error.lineno}: this is not JSON.") from error


def _workflow_named(slug: str) -> Workflow:
    workflow = Workflow.objects.with_pointers().filter(slug=slug).first()
    if workflow is None or workflow.published is None:
        raise CommandError(f"There is no published workflow “{slug}” in the demo tenant.")
    return workflow


def _workflow_for(run_input: Any) -> Workflow:
    """The first of the demo's workflows that takes this input."""
    for path in seed.WORKFLOWS:
        workflow = _workflow_named(path.stem)
        assert workflow.published is not None  # noqa: S101 - see there
        schema = workflow.published.revision.definition.input_schema
        if not json_schemas.faults(schema, run_input):
            return workflow
    return _workflow_named(seed.WORKFLOWS[0].stem)  # its sentence says what is missing


def _ended_nodes(run: Run) -> list[NodeExecution]:
    return list(
        NodeExecution.objects.filter(run=run, status__in=_MARKS).order_by("finished_at", "id")
    )


_MARKS = {"completed": "✓", "skipped": "–", "failed": "✗", "cancelled": "■"}
