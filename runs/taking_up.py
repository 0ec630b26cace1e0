"""From a claim to a live run: read the record, find out what a lost worker left behind."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from uuid import UUID

from django.utils.timezone import now

from compliance.labels import Labels
from runs import manifest, payloads
from runs.claims import Claim, give_back
from runs.finish import fail_unreadable
from runs.live_run import LiveRun
from runs.models import CallStatus, ModelCall, NodeExecution, NodeStatus, Run, RunStatus
from runs.planner import NodeState
from tenancy import keys
from tenancy.context import tenant_context
from tenancy.errors import GroveError, KeyDestroyed
from tenancy.keys import DataKeyRef
from tenancy.models import Tenant
from workflows.definition import Definition
from workflows.models import WorkflowVersion

logger = logging.getLogger(__name__)


def take_up(won: Sequence[Claim], *, worker: str) -> list[LiveRun]:
    """Live runs for these claims. One that can never be read again is failed; any other fault is tried again."""
    by_tenant: dict[UUID, list[Claim]] = defaultdict(list)
    for claim in won:
        by_tenant[claim.tenant_id].append(claim)
    taken: list[LiveRun] = []
    for tenant_id, group in by_tenant.items():
        tenant = Tenant.objects.get(pk=tenant_id)
        try:
            with tenant_context(tenant):
                taken.extend(_take_up_for(tenant, group, worker))
        except Exception:
            logger.exception("Runs could not be taken up; trying again")
            for claim in group:
                give_back(claim)
    return taken


def _take_up_for(tenant: Tenant, group: Sequence[Claim], worker: str) -> Iterable[LiveRun]:
    runs = {run.pk: run for run in Run.objects.filter(pk__in=[claim.run_id for claim in group])}
    begun = [run.pk for run in runs.values() if run.status != RunStatus.QUEUED or run.event_seq > 1]
    left: dict[UUID, list[NodeExecution]] = defaultdict(list)
    if begun:
        for row in NodeExecution.objects.filter(run_id__in=begun).order_by("attempt"):
            left[row.run_id].append(row)
    data_keys = keys.open_data_keys([run.data_key_id for run in runs.values()])
    for claim in group:
        run, rows = runs[claim.run_id], left[claim.run_id]
        try:
            yield _live(tenant, claim, run, data_keys.get(run.data_key_id), rows, worker)
        except GroveError:
            logger.exception("A run cannot be read any more", extra={"run": str(run.pk)})
            fail_unreadable(run=run, token=claim.token)
        except Exception:
            logger.exception(
                "A run could not be taken up; trying again", extra={"run": str(run.pk)}
            )
            give_back(claim)


def _live(
    tenant: Tenant,
    claim: Claim,
    run: Run,
    key: DataKeyRef | None,
    rows: Sequence[NodeExecution],
    worker: str,
) -> LiveRun:
    if key is None:
        raise KeyDestroyed
    definition, path = _definition(run.version_id)
    live = LiveRun(
        run_id=run.pk,
        root_run_id=run.root_run_id or run.pk,
        tenant=tenant,
        token=claim.token,
        worker=worker,
        path=path,
        definition=definition,
        model_groups=manifest.deployments_of(run.manifest),
        key=key,
        snapshot_id=run.snapshot_id,
        on_behalf_of=f"{run.started_by_kind}:{run.started_by_id}",
        run_input=_open(key, run, "input_sealed"),
        input_labels=Labels.from_json(run.labels),
        is_new=run.started_at is None,
        takeovers=run.takeovers + 1,
        losses=claim.losses,
    )
    for row in rows:
        _remember(live, row)
    if rows:
        _find_lost_calls(live)
        Run.objects.filter(pk=run.pk).update(takeovers=live.takeovers)
    return live


def _remember(live: LiveRun, row: NodeExecution) -> None:
    """Rows come by attempt: the last one counts. What was running belongs to a lost worker, what failed is resumed."""
    node = row.node_id
    live.attempts[node] = row.attempt
    if row.status == NodeStatus.RUNNING:
        live.lost.append(
            {
                "id": row.pk,
                "node_id": node,
                "attempt": row.attempt,
                "status": "failed",
                "finished_at": now(),
                "error_code": "worker_lost",
                "error_sentence": "The worker was lost in the middle of this attempt.",
            }
        )
    elif row.status in (NodeStatus.COMPLETED, NodeStatus.SKIPPED):
        live.states[node] = NodeState(status=row.status, branch=row.branch or None)
        if row.status == NodeStatus.COMPLETED:
            live.outputs[node] = _open(live.key, row, "output_sealed")
            live.labels[node] = Labels.from_json(row.labels or {})


def _find_lost_calls(live: LiveRun) -> None:
    """Calls intended and never settled: nobody knows what the provider did. What was reserved counts as spent."""
    intended = ModelCall.objects.filter(run_id=live.run_id, status=CallStatus.INTENDED)
    live.lost_calls = [
        {
            "id": call.pk,
            "status": CallStatus.INTERRUPTED.value,
            "finished_at": now(),
            "cost_micros": call.reserved_micros,
            "error_kind": "worker_lost",
            "error_sentence": "The worker was lost while this call was under way.",
        }
        for call in intended
    ]


def _open(key: DataKeyRef, record: Run | NodeExecution, column: str) -> object:
    return payloads.unseal(
        key,
        getattr(record, column),
        tenant_id=record.tenant_id,
        table=record._meta.db_table,
        row=record.pk,
        column=column,
    )


@lru_cache(maxsize=256)
def _definition(version_id: UUID) -> tuple[Definition, str]:
    """Versions never change, so a process reads each of them once."""
    version = WorkflowVersion.objects.select_related("workflow", "revision").get(pk=version_id)
    return version.revision.definition, f"{version.workflow.slug}@{version.number}"
