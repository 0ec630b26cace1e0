"""How a run is disposed of: its data key is destroyed, its content removed, its skeleton kept as a tombstone."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from compliance.disposables import PlanLine
from compliance.errors import DisposalRefused
from runs.models import (
    TERMINAL,
    ModelCall,
    NodeExecution,
    Run,
    RunStatus,
    ToolCall,
    Wait,
)
from workflows import stores


class RunDisposable:
    """Runs with their node executions and model calls; decisions and events hold no content and stay."""

    kind = "run"
    label = "Run"
    parent = "workflow"

    def find(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return _lines(Run.objects.filter(Q(pk__in=ids) | Q(root_run_id__in=ids)))

    def find_below(self, parents: Collection[UUID]) -> Sequence[PlanLine]:
        return _lines(Run.objects.filter(workflow_id__in=parents))

    def find_copies(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        """Their forks, and the forks of those: each took over what was finished before it."""
        found: set[UUID] = set()
        level = set(ids)
        while level:
            forks = Run.objects.filter(forked_from__in=level).values_list("pk", flat=True)
            level = set(forks) - found
            found |= level
        return _lines(Run.objects.filter(pk__in=found - set(ids)))

    def check(self, ids: Collection[UUID]) -> None:
        parts = Run.objects.filter(pk__in=ids, root_run__isnull=False).exclude(root_run__in=ids)
        if parts.exists():
            raise DisposalRefused(
                "A child run shares its data key with the run that started it. Dispose of that one."
            )
        under_way = Run.objects.filter(pk__in=ids).exclude(status__in=TERMINAL).count()
        if under_way:
            runs = "1 run has" if under_way == 1 else f"{under_way} runs have"
            raise DisposalRefused(f"{runs} not ended. Cancel what is running, or wait for it.")

    def data_keys(self, ids: Collection[UUID]) -> Sequence[UUID]:
        return list(Run.objects.filter(pk__in=ids).values_list("data_key_id", flat=True))

    def erase(self, ids: Collection[UUID], *, at: datetime) -> int:
        gone: dict[str, Any] = {"error_sentence": ""}
        rows = ModelCall.objects.filter(run_id__in=ids).update(
            request_sealed=None, response_sealed=None, **gone
        )
        rows += ToolCall.objects.filter(run_id__in=ids).update(
            request_sealed=None, response_sealed=None, **gone
        )
        rows += Wait.objects.filter(run_id__in=ids).update(question_sealed=None, answer_sealed=None)
        rows += NodeExecution.objects.filter(run_id__in=ids).update(output_sealed=None, **gone)
        rows += (
            Run.objects.filter(pk__in=ids)
            .exclude(status=RunStatus.DISPOSED)
            .update(
                status=RunStatus.DISPOSED,
                disposed_at=at,
                input_sealed=None,
                output_sealed=None,
                response_sealed=None,
                owner_label="",
                subject_key="",
                **gone,
            )
        )
        stores.remove_below(self.data_keys(ids))
        return rows


def _lines(runs: QuerySet[Run]) -> list[PlanLine]:
    living = runs.exclude(status=RunStatus.DISPOSED).annotate(
        nodes=Count("node_executions", distinct=True), calls=Count("model_calls", distinct=True)
    )
    return [
        PlanLine(
            kind=RunDisposable.kind,
            id=run.pk,
            owner_label=run.owner_label,
            fingerprint=run.input_commitment,
            parts={"node_execution": run.nodes, "model_call": run.calls},
        )
        for run in living
    ]
