"""Child runs: of another workflow in a pinned version, or of one body of a container with many entries.

A child shares the data key of its parent: one key erases the tree. Its end is told to the parent by a signal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from compliance.labels import Labels, join
from compliance.models import PolicySnapshot
from runs import claims, manifest, payloads, resume, start, wake
from runs.errors import ClaimLost
from runs.live_run import LiveRun
from runs.models import TERMINAL, NodeExecution, NodeStatus, Run, RunClaim, RunStatus
from tenancy import actors, ledger
from tenancy.events import EventType
from tenancy.models import new_id
from workflows.definition import Body
from workflows.models import WorkflowVersion
from workflows.nodes import Answer, Json, NodeFailed, Pause
from workflows.nodes.contract import Verdict

VERDICTS: Mapping[RunStatus, Verdict] = {
    RunStatus.COMPLETED: "completed",
    RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS: "completed",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "cancelled",
    RunStatus.DISPOSED: "cancelled",
}
NON_CRITICAL = "non_critical_errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A child run to be: for which attempt of which node, of which version, frozen to what, with what."""

    path: str
    attempt: int
    version: WorkflowVersion
    manifest: dict[str, Any]
    nodes: int
    run_input: Json
    labels: Labels


def start_workflow(
    live: LiveRun, *, path: str, attempt: int, workflow: str, run_input: Json, labels: Labels
) -> Pause:
    """Start a run of a pinned version. Raises NodeFailed where it is gone, InputInvalid for an input that misses."""
    version = _find_pinned(workflow)
    if version is None or not version.may_run_as_pinned:
        raise NodeFailed("sub_workflow_unknown", f"“{workflow}” is not a published version.")
    definition = version.revision.definition
    start.check_input(definition, run_input)
    snapshot = PolicySnapshot.objects.get(pk=live.snapshot_id)
    return _start(
        live,
        Asked(
            path=path,
            attempt=attempt,
            version=version,
            manifest=manifest.freeze(version, definition, snapshot),
            nodes=len(definition.graph),
            run_input=run_input,
            labels=join(labels, start.labels_of_input(definition, run_input)),
        ),
    )


def start_body(
    live: LiveRun,
    *,
    path: str,
    attempt: int,
    body: Body,
    values: Mapping[str, Json],
    labels: Labels,
) -> Pause:
    """Start a run of one body of a container, with the values that its nodes may name.

    It is frozen to what its parent is.
    """
    parent = Run.objects.select_related("version").get(pk=live.run_id)
    return _start(
        live,
        Asked(
            path=path,
            attempt=attempt,
            version=parent.version,
            manifest=parent.manifest | {"body": body.container},
            nodes=len(body.graph),
            run_input=dict(values),
            labels=labels,
        ),
    )


def _find_pinned(workflow: str) -> WorkflowVersion | None:
    slug, _, number = workflow.partition("@")
    found = WorkflowVersion.objects.select_related("workflow", "revision")
    return found.filter(workflow__slug=slug, number=int(number)).first()


@transaction.atomic
def _start(live: LiveRun, asked: Asked) -> Pause:
    """One child for an attempt, after a crash the same again. A cancel of the parent comes before or after."""
    claim = RunClaim.objects.select_for_update().filter(
        run_id=live.run_id, token=live.token, worker_id__isnull=False
    )
    if not claim.exists():
        raise ClaimLost
    child = _take_over(live, asked) or _go_on(live, asked) or _write(live, asked)
    return Pause(kind="child", about={"run": str(child.pk)})


def _take_over(live: LiveRun, asked: Asked) -> Run | None:
    """The child that this attempt started, or one before it that was cut off: it goes on, or has ended since."""
    earlier = Run.objects.filter(parent_run_id=live.run_id, parent_node=asked.path)
    child = earlier.order_by("parent_attempt").last()
    if child is None or child.status == RunStatus.CANCELLED:
        return None
    if child.status == RunStatus.FAILED and live.is_resumed:
        return None  # a person lets it go on, too
    if not were_cut_off(live.run_id, asked.path, child.parent_attempt, asked.attempt):
        return None
    if child.parent_attempt != asked.attempt:
        child.parent_attempt = asked.attempt
        child.save(update_fields=["parent_attempt"])
    if child.is_terminal:  # the lost worker may have been told, and nobody else
        tell_parent(live.run_id)
    return child


def were_cut_off(run_id: UUID, path: str, since: int, until: int, *, also: str = "") -> bool:
    """Whether each attempt of a node from this one to before that one was lost with its worker, or called off, or
    failed with the code `also`."""
    attempts = NodeExecution.objects.filter(run_id=run_id, node_id=path)
    between = attempts.filter(attempt__gte=since, attempt__lt=until)
    codes = [code for code in ("worker_lost", also) if code]
    cut_off = Q(error_code__in=codes) | Q(status=NodeStatus.CANCELLED)
    return not between.exclude(cut_off).exists()


def _go_on(live: LiveRun, asked: Asked) -> Run | None:
    """The child that failed an earlier attempt goes on where it failed, if it is the same that is asked for."""
    earlier = Run.objects.filter(parent_run_id=live.run_id, parent_node=asked.path)
    failed = earlier.filter(status=RunStatus.FAILED, version_id=asked.version.pk)
    child = failed.order_by("parent_attempt").last()
    if child is None or _input_of(live, child) != asked.run_input:
        return None
    resume.again(run=child, by=actors.SYSTEM)
    child.parent_attempt = asked.attempt
    child.save(update_fields=["parent_attempt"])
    return child


def _input_of(live: LiveRun, child: Run) -> Json:
    return payloads.unseal(
        live.key,
        child.input_sealed,
        tenant_id=child.tenant_id,
        table="runs_run",
        row=child.pk,
        column="input_sealed",
    )


def _write(live: LiveRun, asked: Asked) -> Run:
    inherited = ("owner_label", "subject_key", "started_by_kind", "started_by_id", "currency")
    parent = Run.objects.only(*inherited).get(pk=live.run_id)
    run_id = new_id()
    sealed = payloads.seal(
        live.key,
        asked.run_input,
        tenant_id=live.tenant.pk,
        table="runs_run",
        row=run_id,
        column="input_sealed",
    )
    run = Run.objects.create(
        id=run_id,
        workflow_id=asked.version.workflow_id,
        version_id=asked.version.pk,
        snapshot_id=live.snapshot_id,
        root_run_id=live.root_run_id,
        parent_run_id=live.run_id,
        parent_node=asked.path,
        parent_attempt=asked.attempt,
        owner_label=parent.owner_label,
        subject_key=parent.subject_key,
        data_key_id=live.key.id,
        data_class=int(asked.labels.data_class),
        labels=asked.labels.to_json(),
        manifest=asked.manifest,
        manifest_digest=manifest.digest(asked.manifest),
        definition_digest=asked.version.digest,
        started_by_kind=parent.started_by_kind,
        started_by_id=parent.started_by_id,
        currency=parent.currency,
        input_sealed=sealed.payload,
        input_commitment=sealed.commitment,
        created_at=now(),
        nodes_total=asked.nodes,
    )
    RunClaim.objects.create(run_id=run_id, tenant_id=live.tenant.pk)
    ledger.append(
        EventType.RUN_STARTED,
        subject=run,
        by=actors.SYSTEM,
        parent=str(live.run_id),
        definition=run.definition_digest,
        manifest=run.manifest_digest,
        input=sealed.commitment,
    )
    wake.after_commit(run_id)
    return run


def tell_parent(parent_run_id: UUID) -> None:
    """A child has ended. Called in the transaction that ends it."""
    claims.signal(parent_run_id)
    wake.after_commit(parent_run_id)


def find_that_went_on(run_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these runs that have children which completed with errors that were not critical."""
    went_on = RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS
    children = Run.objects.filter(parent_run_id__in=run_ids, status=went_on)
    return set(children.values_list("parent_run_id", flat=True))


def find_ended(run_ids: list[str]) -> set[str]:
    """Those of these runs that have ended."""
    ended = Run.objects.filter(pk__in=run_ids, status__in=TERMINAL).values_list("pk", flat=True)
    return {str(run_id) for run_id in ended}


def answer_of(live: LiveRun, pause: Pause) -> Answer:
    """How a child ended, with its output opened and the labels of that."""
    child = Run.objects.get(pk=pause.about["run"])
    status = RunStatus(child.status)
    output, labels = None, None
    went_on = status == RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS
    if VERDICTS[status] == "completed":
        output = payloads.unseal(
            live.key,
            child.output_sealed,
            tenant_id=child.tenant_id,
            table="runs_run",
            row=child.pk,
            column="output_sealed",
        )
        labels = _labels_of_output(child)
    return Answer(
        kind="child",
        output=output,
        labels=labels,
        verdict=VERDICTS[status],
        code=NON_CRITICAL if went_on else child.error_code,
        sentence=child.error_sentence,
        about=pause.about,
    )


def _labels_of_output(child: Run) -> Labels:
    """Those of its output nodes; of everything where it was a body, which has none."""
    rows = NodeExecution.objects.filter(run=child, status=NodeStatus.COMPLETED)
    if "body" not in child.manifest:
        rows = rows.filter(kind="output")
    found = [Labels.from_json(labels) for labels in rows.values_list("labels", flat=True) if labels]
    return join(Labels.from_json(child.labels), *found)
