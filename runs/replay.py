"""Replay a run from its evidence: the same graph and engine, answers from the record, no network and no effect.

And what if: with another version, another policy, or model groups that lead elsewhere. What can be said from the record
is said; the first node whose question has no answer there is named.
"""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from django.db import transaction

from compliance import policies
from compliance.labels import Labels
from compliance.models import PolicySnapshot
from compliance.policy.engine import Engine
from compliance.policy.verdicts import VerdictKind
from runs import replay_report, start
from runs.errors import ReplayRefused
from runs.evidence import Evidence, canonical, read_tree
from runs.models import Decision, Run, RunStatus
from runs.rehearsal import Rehearsal
from runs.replay_calls import WhatIf, decide_again, differs_from
from runs.replay_report import DecisionChange, ReplayReport
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.models import DefinitionRevision, WorkflowVersion


def replay(
    run: Run,
    *,
    by: Actor,
    version: WorkflowVersion | None = None,
    revision: DefinitionRevision | None = None,
    snapshot: PolicySnapshot | None = None,
    model_groups: Mapping[str, Sequence[str]] | None = None,
) -> ReplayReport:
    """Replay a run that has ended, and say how it compares. Writes nothing but one entry of the ledger.

    `version` (of the same workflow, published or not) or a `revision` of it such as the draft, `snapshot` and
    `model_groups` (deployments by name, in the order in which they would be asked) each ask what if. To really run what
    they change, fork with the purpose `what_if`.
    Raises EvidenceDisposed, EvidenceIncomplete (with what is `missing`), ReplayRefused.
    """
    if revision is not None and not revision.is_publishable:
        raise ReplayRefused(f"Revision {revision.number} is a draft with errors. Mend them first.")
    tree = read_tree(run)
    chosen = revision or (version or run.version).revision
    rehearsal = _rehearse(run, tree, chosen, snapshot, model_groups or {})
    rehearsal.run()
    number = None if revision else (version or run.version).number
    report = _report(rehearsal, number, chosen.number, snapshot)
    with transaction.atomic():
        ledger.append(
            EventType.RUN_REPLAYED,
            subject=run,
            by=by,
            result=report.result,
            first=report.first.node if report.first else "",
            version=report.version_number,
            revision=report.revision_number,
            policy=report.policy_number,
            model_groups=sorted(model_groups or {}),
            output_recorded=report.output_recorded,
            output_replayed=report.output_replayed,
        )
    return report


def _rehearse(
    run: Run,
    tree: Mapping[UUID, Evidence],
    chosen: DefinitionRevision,
    snapshot: PolicySnapshot | None,
    model_groups: Mapping[str, Sequence[str]],
) -> Rehearsal:
    """All that needs the database is read here; what follows is pure."""
    if chosen.workflow_id != run.workflow_id:
        raise ReplayRefused("A run is replayed on a version of its own workflow.")
    definition = chosen.definition
    evidence = tree[run.pk]
    labels = Labels.from_json(run.labels)
    if chosen.pk != run.version.revision_id:
        labels = start.labels_of_input(definition, evidence.open(run, "input_sealed"))
    for each in tree.values():
        each.run.version.revision.definition  # noqa: B018 - opened now, since a replay reads nothing
    return Rehearsal(
        evidence=evidence,
        tree=tree,
        definition=definition,
        nodes=definition,
        what_if=WhatIf(engine=_engine_of(snapshot), model_groups=model_groups),
        input_labels=labels,
    )


def _engine_of(snapshot: PolicySnapshot | None) -> Engine | None:
    return policies.engine_for(snapshot.pk) if snapshot is not None else None


# -- the report -------------------------------------------------------------------------------------------------------


def _report(
    rehearsal: Rehearsal, version: int | None, revision: int, snapshot: PolicySnapshot | None
) -> ReplayReport:
    run, live = rehearsal.evidence.run, rehearsal.live
    nodes = tuple(replay_report.compare(rehearsal))
    first = replay_report.find_first(nodes)
    output_same, replayed = _compare_output(rehearsal)
    cancelled = run.status == RunStatus.CANCELLED  # by somebody, at a moment that no node knows
    replayed_status = str(live.status) if live.is_over and not cancelled else ""
    ended_same = replayed_status == run.status or cancelled
    decisions = tuple(_changes(rehearsal.tree, rehearsal.what_if.engine))
    same = first is None and output_same is not False and ended_same and not decisions
    return ReplayReport(
        run_id=run.pk,
        version_number=version,
        revision_number=revision,
        policy_number=(snapshot or run.snapshot).number,
        result=replay_report.SAME if same else replay_report.DIFFERS,
        nodes=nodes,
        first=first,
        recorded_status=run.status,
        replayed_status=replayed_status,
        output_same=output_same,
        output_recorded=run.output_commitment,
        output_replayed=replayed,
        decisions=decisions,
    )


def _compare_output(rehearsal: Rehearsal) -> tuple[bool | None, str]:
    """Whether the outputs are the same, and the commitment to the replayed one with the salt of the recorded one."""
    evidence, live = rehearsal.evidence, rehearsal.live
    run = evidence.run
    if run.output_sealed is None or not live.is_over or live.failure:
        return None, ""
    replayed, recorded = live.output(), evidence.open(run, "output_sealed")
    same = canonical(replayed) == canonical(recorded)
    value = recorded if same else replayed  # in the order of members in which it was committed to
    return same, evidence.commitment_to(run, "output_sealed", value)


def _changes(tree: Mapping[UUID, Evidence], engine: Engine | None) -> Iterator[DecisionChange]:
    """Every recorded action decided again, with the facts of then."""
    if engine is None:
        return
    for evidence in tree.values():
        for acts in evidence.acts.values():
            for decision in (each for act in acts for each in act.decisions):
                if (change := _change(engine, decision)) is not None:
                    yield change


def _change(engine: Engine, decision: Decision) -> DecisionChange | None:
    verdict = decide_again(engine, decision)
    if verdict is None or not differs_from(verdict, decision):
        return None
    change = "modified"
    if verdict.kind is VerdictKind.DENY:
        change = "newly_denied"
    elif verdict.kind is VerdictKind.ALLOW:
        change = "newly_allowed"
    return DecisionChange(
        decision_id=decision.pk,
        node=decision.node_id,
        attempt=decision.attempt,
        resource=decision.resource_name,
        change=change,
        before=decision.verdict,
        after=str(verdict.kind),
        reason=verdict.reason,
        policies=tuple(verdict.policies),
    )
