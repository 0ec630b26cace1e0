"""Fork a run that has ended: a new run that takes over what came before a node, and goes on from there.

Nothing is shared with the run that it comes from: its input and the outputs that it takes over are sealed anew with a
data key of its own, so that each of the two can be disposed of without the other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from compliance.errors import NoActivePolicy
from runs import budget, checkpoint, fork_plan, manifest, payloads, quotas, start, starts, wake
from runs.errors import ForkRefused, QuotaExceeded, SideEffectsUnconfirmed
from runs.fork_plan import FORK, ForkPlan, Problem
from runs.models import NodeExecution, NodeStatus, Run, RunFacts, RunPurpose, RunStatus
from tenancy import keys, ledger
from tenancy.actors import Actor
from tenancy.errors import GroveError, KeyDestroyed
from tenancy.events import EventType
from tenancy.keys import DataKeyRef
from tenancy.models import new_id
from workflows import attestations
from workflows.definition import Definition
from workflows.models import WorkflowVersion

LONGEST_REASON = 1000
AT_ONCE = 200  # executions sealed and written together


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What somebody asked for, checked."""

    run: Run
    version: WorkflowVersion
    definition: Definition
    plan: ForkPlan
    snapshot: starts.Snapshot
    by: Actor
    reason: str
    purpose: str
    idempotency_key: str | None


def plan(run: Run, at: str, version: WorkflowVersion | None = None) -> ForkPlan:
    """What a fork of this run at this node would take over and run again, and what stands against it.

    `at` is the first node that runs anew: its id, or the path of an instance in a body (each_claim[3].draft). On
    another version of the workflow, what is not the same there runs again, with all that comes after it.
    Raises ForkRefused for a run that cannot be forked at all, NodeNotInRun.
    """
    _check_forkable(run)
    own = run.version
    version = version or own
    if version.workflow_id != run.workflow_id:
        raise ForkRefused("A run is forked on a version of its own workflow.")
    definition = version.revision.definition
    changed: frozenset[str] = frozenset()
    if version.pk != own.pk:
        changed = fork_plan.find_changed(own.revision.definition, definition)
    choice = fork_plan.choose(definition, _latest_of(run), at, changed)
    return ForkPlan(
        at=at,
        version_number=version.number,
        reused=tuple(choice.reused),
        run_again=tuple(choice.run_again),
        side_effects=fork_plan.find_side_effects(run, choice.kept),
        problems=tuple(_problems(run, version, definition)),
        kept=frozenset(choice.kept),
        reopened=tuple(choice.reopened),
    )


def fork(
    *,
    run: Run,
    at: str,
    by: Actor,
    version: WorkflowVersion | None = None,
    reason: str = "",
    confirm: bool = False,
    purpose: str = RunPurpose.WORK,
    idempotency_key: str | None = None,
) -> Run:
    """Start a new run that goes on from this node. It counts as a start; the same idempotency key gives the same run.

    What was done outside and would be done again needs `confirm` and a `reason`, or SideEffectsUnconfirmed is raised
    with the list. Raises what `plan` raises, ForkRefused for its problems, and what starting a run raises.
    """
    if idempotency_key and (earlier := start.find_by_key(idempotency_key)):
        return earlier
    version = version or run.version
    planned = plan(run, at, version)
    if planned.problems:
        first = planned.problems[0]
        raise ForkRefused(first.sentence, problem=first.code)
    reason = reason.strip()
    if len(reason) > LONGEST_REASON:
        raise ForkRefused(f"A reason has at most {LONGEST_REASON:,} characters.")
    if planned.needs_confirmation and not (confirm and reason):
        raise _unconfirmed(planned)
    at_moment = now()
    terms = starts.read_terms(version.pk, at=at_moment)
    quotas.check(terms.refusal if terms else None, at=at_moment)
    if terms is None or terms.snapshot is None:
        raise NoActivePolicy
    if terms.needs_sign_off:
        attestations.check_current(version)
    wanted = _Wanted(
        run=run,
        version=version,
        definition=version.revision.definition,
        plan=planned,
        snapshot=terms.snapshot,
        by=by,
        reason=reason,
        purpose=purpose,
        idempotency_key=idempotency_key,
    )
    try:
        return _write(wanted, at_moment)
    except (IntegrityError, QuotaExceeded):
        if idempotency_key and (earlier := start.find_by_key(idempotency_key)):
            return earlier  # somebody else was quicker with the same key
        raise


# -- may it be forked -------------------------------------------------------------------------------------------------


def _check_forkable(run: Run) -> None:
    if run.is_disposed:
        raise ForkRefused(
            "What this run recorded has been disposed of: there is nothing to take over."
        )
    if run.parent_run_id:
        raise ForkRefused(
            "This run was started by another run, and shares its data key. Fork that one.",
            root_run=str(run.root_run_id),
        )
    if not run.is_terminal:
        raise ForkRefused(
            f"This run is {run.get_status_display().lower()}. Wait for its end or cancel it, then fork it."
        )


def _problems(run: Run, version: WorkflowVersion, definition: Definition) -> Iterator[Problem]:
    if not version.may_run_as_pinned:  # or superseded by a later one
        yield Problem(
            code="version_not_published",
            sentence=f"Version {version.number} is not published, or was retired: choose another one.",
        )
    if version.pk != run.version_id:
        try:
            start.check_input(definition, _open(run, _key_of(run), "input_sealed"))
        except GroveError as error:
            yield Problem(code=error.code, sentence=error.sentence)


def _unconfirmed(planned: ForkPlan) -> SideEffectsUnconfirmed:
    done = planned.side_effects
    count = "1 call" if len(done) == 1 else f"{len(done):,} calls"
    first = done[0]
    return SideEffectsUnconfirmed(
        f"{count} with an effect outside would be made again, the first one “{first.tool}” at "
        f"“{first.destination}” by “{first.node}”. Confirm that, and say why.",
        side_effects=[
            {
                "node": each.node,
                "tool": each.tool,
                "destination": each.destination,
                "status": each.status,
                "at": each.at.isoformat(),
            }
            for each in done
        ],
    )


def _latest_of(run: Run) -> dict[str, NodeExecution]:
    """The latest attempt of each node, by path, without content."""
    rows = NodeExecution.objects.filter(run=run).order_by("attempt")
    return {row.node_id: row for row in rows.only("node_id", "status", "kind", "attempt")}


# -- writing it -------------------------------------------------------------------------------------------------------


def _write(wanted: _Wanted, at: datetime) -> Run:
    source_key = _key_of(wanted.run)
    key = keys.take_data_key(owner_label=wanted.run.owner_label)
    run = _to_run(wanted, source_key, key, at)
    facts = _to_facts(wanted, run)
    with transaction.atomic():
        _hold(wanted.run)
        entry = ledger.to_entry(
            EventType.RUN_FORKED,
            subject=run,
            by=wanted.by,
            facts={
                "from": wanted.run.pk,
                "at": wanted.plan.at,
                "purpose": wanted.purpose,
                "reused": len(wanted.plan.kept),
                "side_effects_confirmed": len(wanted.plan.side_effects),
                "definition": run.definition_digest,
                "manifest": run.manifest_digest,
                "input": run.input_commitment,
            },
        )
        quotas.check(starts.write(run, facts, entry), at=at)
        _take_over(wanted, run, source_key, key)
        told = {"from": str(wanted.run.pk), "reused": list(wanted.plan.reused)[:AT_ONCE]}
        if wanted.reason:
            told["reason"] = wanted.reason
        checkpoint.emit(run.pk, [checkpoint.event("run.forked", at, wanted.plan.at, **told)])
        wake.after_commit(run.pk)
    run.refresh_from_db(fields=["event_seq"])
    return run


def _hold(source: Run) -> None:
    """Until the copies are written, nobody disposes of what is copied."""
    living = Run.objects.select_for_update().filter(pk=source.pk).exclude(status=RunStatus.DISPOSED)
    if not living.exists():
        raise ForkRefused("What this run recorded has just been disposed of.")


def _to_run(wanted: _Wanted, source_key: DataKeyRef, key: DataKeyRef, at: datetime) -> Run:
    source, version, run_id = wanted.run, wanted.version, new_id()
    frozen = manifest.freeze(version, wanted.definition, wanted.snapshot)
    content = _open(source, source_key, "input_sealed")
    labels = start.labels_of_input(wanted.definition, content)
    sealed = _seal(key, content, "runs_run", run_id, source.tenant_id, "input_sealed")
    run = Run(
        id=run_id,
        tenant=source.tenant,
        workflow=version.workflow,
        version=version,
        snapshot_id=wanted.snapshot.id,
        forked_from=source,
        forked_at=wanted.plan.at,
        purpose=wanted.purpose,
        owner_label=source.owner_label,
        subject_key=source.subject_key,
        data_key_id=key.id,
        data_class=int(labels.data_class),
        labels=labels.to_json(),
        manifest=frozen,
        manifest_digest=manifest.digest(frozen),
        definition_digest=version.digest,
        idempotency_key=wanted.idempotency_key,
        started_by_kind=wanted.by.kind,
        started_by_id=wanted.by.id,
        input_sealed=sealed.payload,
        input_commitment=sealed.commitment,
        created_at=at,
        nodes_total=len(wanted.definition.graph),
    )
    if source.response_sealed is not None and source.response_node in wanted.plan.kept:
        response = _open(source, source_key, "response_sealed")
        run.response_sealed = _seal(
            key, response, "runs_run", run_id, source.tenant_id, "response_sealed"
        ).payload
        run.response_node, run.response_at = source.response_node, at
    return run


def _to_facts(wanted: _Wanted, run: Run) -> RunFacts:
    """What has been touched stays touched; what was called and spent was so by the other run."""
    before = RunFacts.objects.get(root_run=wanted.run)
    agreed = budget.agree(
        defined=wanted.definition.budget,
        asked_micros=before.budget_micros,
        currency=wanted.run.currency,
        priced_in=manifest.currencies_of(run.manifest),
    )
    run.currency = agreed.currency
    return RunFacts(
        tenant_id=run.tenant_id,
        root_run_id=run.pk,
        budget_micros=agreed.micros,
        max_class=before.max_class,
        tags=before.tags,
        tools_used=before.tools_used,
        destinations=before.destinations,
    )


def _take_over(wanted: _Wanted, run: Run, source_key: DataKeyRef, key: DataKeyRef) -> None:
    """The executions that are kept, sealed anew, and the containers that go on: as a worker would have left them."""
    rows = NodeExecution.objects.filter(run=wanted.run)
    wanted_ids = _ids_of(wanted.run, {*wanted.plan.kept, *wanted.plan.reopened})
    for first in range(0, len(wanted_ids), AT_ONCE):
        batch = rows.filter(pk__in=wanted_ids[first : first + AT_ONCE]).order_by("id")
        NodeExecution.objects.bulk_create(_copy(row, wanted, run, source_key, key) for row in batch)


def _ids_of(run: Run, chosen: Iterable[str]) -> list[UUID]:
    """The latest attempt of each of these nodes, in the order in which they were written."""
    latest = _latest_of(run)
    return sorted(latest[path].pk for path in chosen)


def _copy(
    row: NodeExecution, wanted: _Wanted, run: Run, source_key: DataKeyRef, key: DataKeyRef
) -> NodeExecution:
    copy = NodeExecution(
        id=new_id(),
        tenant_id=run.tenant_id,
        run=run,
        node_id=row.node_id,
        kind=row.kind,
        attempt=1,
        status=NodeStatus.RUNNING,
        started_at=run.created_at,
    )
    if row.node_id in wanted.plan.reopened:
        return copy
    copy.status, copy.finished_at, copy.worker = row.status, run.created_at, FORK
    copy.labels, copy.branch, copy.model = row.labels, row.branch, row.model
    copy.skipped_because = row.skipped_because
    copy.error_code, copy.error_sentence = row.error_code, row.error_sentence
    if row.output_sealed is not None:
        value = _open(row, source_key, "output_sealed")
        sealed = _seal(key, value, "runs_nodeexecution", copy.pk, run.tenant_id, "output_sealed")
        copy.output_sealed, copy.output_commitment = sealed.payload, sealed.commitment
    return copy


# -- content ----------------------------------------------------------------------------------------------------------


def _key_of(run: Run) -> DataKeyRef:
    try:
        return keys.open_data_key(run.data_key_id)
    except KeyDestroyed as error:
        raise ForkRefused(
            "What this run recorded has been disposed of: there is nothing to take over."
        ) from error


def _open(record: Run | NodeExecution, key: DataKeyRef, column: str) -> Any:
    return payloads.unseal(
        key,
        getattr(record, column),
        tenant_id=record.tenant_id,
        table=record._meta.db_table,
        row=record.pk,
        column=column,
    )


def _seal(
    key: DataKeyRef, value: Any, table: str, row: UUID, tenant_id: UUID, column: str
) -> payloads.Sealed:
    return payloads.seal(key, value, tenant_id=tenant_id, table=table, row=row, column=column)
