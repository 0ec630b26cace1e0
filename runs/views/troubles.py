"""What failed in a run that came to its end all the same, and how it went on."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from runs import paths
from runs.models import NodeExecution, NodeStatus, Run, RunStatus
from runs.views import names
from runs.views.address import Address
from workflows.definition import NodeGraph

TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A node that failed for good. `went_on`: what the definition had said for that."""

    name: str
    href: str
    code: str
    sentence: str
    went_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    first: Sequence[Trouble]
    has_more: bool


def troubles_of(run: Run, nodes: NodeGraph | None, address: Address) -> Troubles | None:
    """None for a run that did not end with non-critical errors."""
    if run.status != RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS:
        return None
    later = NodeExecution.objects.filter(
        run=OuterRef("run"), node_id=OuterRef("node_id"), attempt__gt=OuterRef("attempt")
    )
    failed = run.node_executions.filter(~Exists(later), status=NodeStatus.FAILED)
    rows = list(
        failed.only("tenant", "node_id", "error_code", "error_sentence").order_by("id")[: TOLD + 1]
    )
    return Troubles(
        first=[
            Trouble(
                name=names.full_name(nodes, row.node_id),
                href=address.to_node(row.node_id),
                code=row.error_code,
                sentence=row.error_sentence,
                went_on=_went_on(row.node_id, nodes),
            )
            for row in rows[:TOLD]
        ],
        has_more=len(rows) > TOLD,
    )


def _went_on(path: str, nodes: NodeGraph | None) -> str:
    spec = names.find_spec(nodes, path)
    if spec is not None and spec.on_failure == "continue":
        return "The run went on with what the definition gives in its place."
    if spec is not None and spec.on_failure == "route":
        return "The run went the way that the definition keeps for its failure."
    if body := paths.body_of(path):
        container = names.full_name(nodes, paths.container_of(body))
        return f"{names.body_words(nodes, body)} was left out: {container} allows for failures."
    return ""
