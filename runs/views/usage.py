"""What a run used: models, tools, and how much of its budget. Counted by the database, never row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, Sum, Value
from django.db.models.functions import Coalesce, NullIf

from runs.models import CallStatus, Run, RunFacts
from workflows.models import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """What one model at one deployment was used for in this run."""

    model: str
    deployment: str
    provider: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """How often one tool acted at one destination in this run."""

    tool: str
    destination: str
    effect: str
    calls: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """Of the whole tree of a run: what it may spend, has spent, and has set aside for calls under way."""

    budget_micros: int
    spent_micros: int
    reserved_micros: int

    @property
    def left_micros(self) -> int:
        return self.budget_micros - self.spent_micros - self.reserved_micros


def models_of(run: Run) -> Sequence[ModelUse]:
    used: Any = (
        run.model_calls.order_by()
        .annotate(
            model=Coalesce(NullIf(F("model_answered"), Value("")), F("model_requested")),
        )
        .values("model", "deployment_id")
        .annotate(
            calls=Count("id"),
            tokens_in=Sum("tokens_in"),
            tokens_out=Sum("tokens_out"),
            cost_micros=Sum("cost_micros"),
        )
        .order_by("-cost_micros", "model")
    )
    rows = list(used)
    known = Deployment.objects.select_related("provider").only(
        "name", "provider__name", "provider__title"
    )
    deployments = known.in_bulk({row["deployment_id"] for row in rows}) if rows else {}
    return [_model_use(row, deployments.get(row.pop("deployment_id"))) for row in rows]


def tools_of(run: Run) -> Sequence[ToolUse]:
    used: Any = (
        run.tool_calls.order_by()
        .values("tool", "destination", "effect")
        .annotate(
            calls=Count("id"),
            failed=Count("id", filter=Q(status__in=(CallStatus.FAILED, CallStatus.INTERRUPTED))),
        )
        .order_by("tool", "destination")
    )
    return [ToolUse(**row) for row in used]


def budget_of(run: Run) -> BudgetUse | None:
    """None where there is no budget. Child runs spend from that of the run at the root of their tree."""
    facts = RunFacts.objects.filter(root_run_id=run.root_run_id or run.pk).first()
    if facts is None or facts.budget_micros is None:
        return None
    return BudgetUse(
        budget_micros=facts.budget_micros,
        spent_micros=facts.spent_micros,
        reserved_micros=facts.reserved_micros,
    )


def _model_use(row: dict[str, Any], deployment: Deployment | None) -> ModelUse:
    return ModelUse(
        deployment=deployment.name if deployment else "removed",
        provider=str(deployment.provider) if deployment else "",
        **row,
    )
