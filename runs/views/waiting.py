"""What the parked nodes of a run wait for: a moment, a callback, a person, a child run, another attempt, a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.timezone import now

from runs.models import NodeExecution, NodeStatus, Run, Wait
from runs.views import names
from runs.views.address import Address
from tenancy.access import TenantRequest
from tenancy.permissions import Role
from tenancy.prepared import Prepared
from workflows.definition import NodeGraph

TOLD = 5
COUNTED_UP_TO = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One node that waits. `wait` is what it asked, `child` the run that it started; both where there is one."""

    path: str
    name: str
    href: str
    attempt: int
    kind: str  # delay, callback, approval, child, retry, worker
    until: datetime | None
    wait: Wait | None
    child: Run | None
    approver: str
    is_for_me: bool
    is_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AllWaiting:
    first: Sequence[Waiting]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.first)

    def of(self, path: str) -> Waiting | None:
        return next((each for each in self.first if each.path == path), None)


NOTHING = AllWaiting(first=(), count=0)


def waiting_in(
    run: Run, request: TenantRequest, nodes: NodeGraph | None, address: Address
) -> AllWaiting:
    """People's turn first, then whatever is due soonest. What is selected is among them."""
    if run.is_terminal:
        return NOTHING
    rows = run.node_executions.filter(status=NodeStatus.WAITING).defer("output_sealed")
    found = list(rows.order_by("due_at", "id")[: TOLD + 1])
    if len(found) > TOLD:
        asking = rows.filter(waits_for__kind="approval").order_by("due_at", "id")[:TOLD]
        mine = rows.filter(node_id=address.node)
        count = rows.count()
        found = list({row.pk: row for row in [*mine, *asking, *found]}.values())[:TOLD]
    else:
        count = len(found)
    waits = _named(Wait, found, "wait").defer("question_sealed", "answer_sealed")
    children = _named(Run, found, "run").select_related("workflow").defer("input_sealed")
    tell = _Teller(
        request=request,
        nodes=nodes,
        address=address,
        waits={str(wait.pk): wait for wait in waits},
        children={str(child.pk): child for child in children},
    )
    told = sorted((tell(row) for row in found), key=lambda each: each.kind != "approval")
    return AllWaiting(first=told, count=count)


def _named(model: Any, rows: Sequence[NodeExecution], name: str) -> Any:
    ids = [row.waits_for[name] for row in rows if row.waits_for and name in row.waits_for]
    return model.objects.filter(pk__in=ids) if ids else model.objects.none()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Teller:
    request: TenantRequest
    nodes: NodeGraph | None
    address: Address
    waits: Mapping[str, Wait]
    children: Mapping[str, Run]

    def __call__(self, row: NodeExecution) -> Waiting:
        about = row.waits_for or {}
        wait = self.waits.get(about.get("wait", ""))
        return Waiting(
            path=row.node_id,
            name=names.full_name(self.nodes, row.node_id),
            href=self.address.to_node(row.node_id),
            attempt=row.attempt,
            kind=about.get("kind", "retry"),
            until=row.due_at,
            wait=wait,
            child=self.children.get(about.get("run", "")),
            approver=Role(wait.approver).label if wait and wait.approver else "",
            is_due=row.due_at is not None and row.due_at <= now(),
            is_for_me=wait is not None and is_for(self.request, wait),
        )


# The approvals that wait for a role, so far and no further: every page counts them.
APPROVALS: Prepared[Wait] = Prepared(
    lambda role: Wait.objects.for_role(role).only("tenant").order_by()[:COUNTED_UP_TO], role=str
)


def is_for(request: TenantRequest, wait: Wait) -> bool:
    """Whether a question is put to the role of whoever asks for this page."""
    membership = request.membership
    return bool(wait.approver) and membership is not None and membership.role == wait.approver
