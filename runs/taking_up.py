"""From a claim to a live run: read the record, find out what a lost worker left behind."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from django.db import connections
from django.utils.timezone import now

from compliance.labels import Labels
from runs import children, interrupted, manifest, payloads
from runs.cancel import fail_unreadable
from runs.claims import Claim, give_back, let_rest
from runs.live_run import LiveRun
from runs.models import NodeExecution, NodeStatus, Run, RunFacts, RunStatus
from runs.recorded import Recorded
from runs.scopes import TO_BEGIN, Shelved
from tenancy import keys
from tenancy.context import tenant_context
from tenancy.errors import GroveError, KeyDestroyed
from tenancy.keys import DataKeyRef
from tenancy.models import Tenant
from tenancy.prepared import Prepared
from workflows.definition import Definition, NodeGraph
from workflows.models import WorkflowVersion
from workflows.nodes import Pause

logger = logging.getLogger(__name__)

RUNS = Prepared(lambda ids: Run.objects.filter(pk__in=ids), by_key=True, ids=list)
# With the run itself: of most, which are nobody's children, that is all that there is to read.
FACTS = Prepared(
    lambda roots: RunFacts.objects.select_related("root_run").filter(root_run_id__in=roots),
    by_key=True,
    roots=list,
)
PLAIN_FOR_SEALED = 4  # text shrinks to about a quarter before it is sealed


def take_up(won: Sequence[Claim], *, worker: str) -> list[LiveRun]:
    """Live runs for these claims. One that can never be read again is failed; any other fault is tried again."""
    by_tenant: dict[Tenant, list[Claim]] = defaultdict(list)
    for claim in won:
        by_tenant[claim.tenant].append(claim)
    taken: list[LiveRun] = []
    for tenant, group in by_tenant.items():
        try:
            with tenant_context(tenant):
                runs, facts = _find([claim.run_id for claim in group])
                lives = list(_take_up_for(tenant, group, runs, worker))
                _tell_facts(lives, facts)
            taken.extend(lives)
        except Exception:
            logger.exception("Runs could not be taken up; trying again")
            _drop_broken()
            for claim in group:
                give_back(claim)
    return taken


def _drop_broken() -> None:
    """A connection that broke stays broken: without this the keys' one would, for as long as the other one holds."""
    for each in connections.all(initialized_only=True):
        if not each.in_atomic_block and not each.is_usable():
            each.close()


def _find(ids: list[UUID]) -> tuple[dict[UUID, Run], dict[UUID, RunFacts]]:
    """These runs, and the facts of the trees of which they are the roots."""
    facts = {each.root_run_id: each for each in FACTS.find_all(roots=ids)}
    runs = {root: each.root_run for root, each in facts.items()}
    for each in facts.values():
        each._state.fields_cache.clear()  # they are kept for as long as the tree is at work
    if others := [id for id in ids if id not in runs]:
        runs |= {run.pk: run for run in RUNS.find_all(ids=others)}
    return runs, facts


def _take_up_for(
    tenant: Tenant, group: Sequence[Claim], runs: Mapping[UUID, Run], worker: str
) -> Iterable[LiveRun]:
    begun = [run.pk for run in runs.values() if run.status != RunStatus.QUEUED or run.event_seq > 0]
    left: dict[UUID, list[NodeExecution]] = defaultdict(list)
    if begun:
        for row in NodeExecution.objects.filter(run_id__in=begun).order_by("attempt"):
            left[row.run_id].append(row)
    went_on = children.find_that_went_on(begun) if begun else set()
    data_keys = keys.open_data_keys([run.data_key_id for run in runs.values()])
    for claim in group:
        run, rows = runs[claim.run_id], left[claim.run_id]
        if run.is_terminal:  # a signal that came too late
            let_rest(claim)
            continue
        try:
            live = _live(tenant, claim, run, data_keys.get(run.data_key_id), rows, worker)
            live.went_on = run.pk in went_on
            yield live
        except GroveError:
            logger.exception("A run cannot be read any more", extra={"run": str(run.pk)})
            fail_unreadable(run=run, token=claim.token)
        except Exception:
            logger.exception(
                "A run could not be taken up; trying again", extra={"run": str(run.pk)}
            )
            give_back(claim)


def _tell_facts(lives: Iterable[LiveRun], facts: Mapping[UUID, RunFacts]) -> None:
    """What the runs that may call models have touched so far: who knows that can decide on their first calls."""
    trees = {live.root_run_id: live.intents for live in lives if live.model_groups}
    others = [root for root in trees if root not in facts]
    for each in [*facts.values(), *(FACTS.find_all(roots=others) if others else ())]:
        if each.root_run_id in trees:
            trees[each.root_run_id].learn(each)


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
    content = _open(key, run, "input_sealed")
    is_body = "body" in run.manifest
    nodes = find_body(definition, run.manifest["body"]) if is_body else definition
    live = LiveRun(
        run_id=run.pk,
        root_run_id=run.root_run_id or run.pk,
        parent_run_id=run.parent_run_id,
        tenant=tenant,
        token=claim.token,
        worker=worker,
        path=path,
        workflow_id=run.workflow_id,
        nodes=nodes,
        on_worker_loss=definition.on_worker_loss,
        model_groups=manifest.deployments_of(run.manifest),
        key=key,
        snapshot_id=run.snapshot_id,
        on_behalf_of=f"{run.started_by_kind}:{run.started_by_id}",
        run_input=content,
        input_size=_size(run.input_sealed),
        input_labels=Labels.from_json(run.labels),
        outer=content if is_body else {},
        fetch=partial(_fetch, key),
        is_new=run.started_at is None,
        is_resumed=run.status == RunStatus.QUEUED,
        comes_back=run.status == RunStatus.WAITING and not claim.losses,
        has_responded=run.response_at is not None,
        takeovers=run.takeovers + 1,
        losses=claim.losses,
    )
    for row in rows:  # by attempt: the last one counts
        live.recorded[row.node_id] = _recorded(key, row, live.recorded.get(row.node_id))
    if rows and not live.comes_back and not live.is_new:  # a fork begins with rows
        _find_lost_calls(live)
        Run.objects.filter(pk=run.pk).update(takeovers=live.takeovers)
    return live


def find_body(definition: Definition, container: str) -> NodeGraph:
    """The body of a container, wherever in the definition it stands."""
    body = next(node.body for node in definition.walk() if node.id == container)
    assert body is not None  # noqa: S101 - the manifest names a container of this very version
    return body


def _recorded(key: DataKeyRef, row: NodeExecution, before: Recorded | None) -> Recorded:
    """An attempt, after the one before it."""
    output: Any = None
    lost = before is not None and before.error_code == "worker_lost"
    if row.status == NodeStatus.COMPLETED:
        large = payloads.is_stored(row.output_sealed or b"")
        output = Shelved(row.pk) if large else _open(key, row, "output_sealed")
    return Recorded(
        execution_id=row.pk,
        attempt=row.attempt,
        status=row.status,
        output=output,
        size=_size(row.output_sealed),
        labels=Labels.from_json(row.labels) if row.labels else Labels(),
        branch=row.branch or None,
        error_code=row.error_code,
        error_sentence=row.error_sentence,
        code_before=before.error_code if before else "",
        losses=before.losses + 1 if before and lost else 0,
        started_at=row.started_at,
        due_at=row.due_at,
        pause=_pause(row),
    )


def _size(sealed: bytes | memoryview | None) -> int:
    """About how many bytes are in there."""
    sealed = sealed or b""
    whole = payloads.LARGEST_IN_ROW if payloads.is_stored(sealed) else len(sealed)
    return whole * PLAIN_FOR_SEALED


def _fetch(key: DataKeyRef, shelved: Shelved) -> Any:
    return _open(key, NodeExecution.objects.get(pk=shelved.execution_id), "output_sealed")


def _pause(row: NodeExecution) -> Pause | None:
    """What a waiting node waits for; None where it waits to begin."""
    told = dict(row.waits_for or {})
    kind = told.pop("kind", "retry")
    return None if kind in TO_BEGIN else Pause(kind=kind, until=row.due_at, about=told)


def _find_lost_calls(live: LiveRun) -> None:
    """Calls intended and never settled."""
    at = now()
    live.lost_calls = interrupted.lost_models(live.run_id, at=at)
    live.lost_tools = interrupted.lost_tools(live.run_id, at=at)
    for path, tool_call in interrupted.interrupted_effects(live.run_id).items():
        found = live.recorded.get(path)
        if found is not None:
            live.recorded[path] = replace(found, interrupted=interrupted.sentence(tool_call))


def _open(key: DataKeyRef, record: Run | NodeExecution, column: str) -> Any:
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
