"""What becomes of a run that has ended: a fork, a replay, a comparison with another run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from compliance.models import PolicySnapshot
from runs import comparison, fork, manifest, replay
from runs.comparison import Comparison, Pair, Side
from runs.fork_plan import ForkPlan
from runs.lineage_forms import ForkChoice, ForkForm, ReplayForm
from runs.models import Run, RunPurpose
from runs.replay_report import REUSED, SAME, NodeReplay
from runs.views import names
from runs.views.run import get_run, head_of
from tenancy import parts
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.errors import PartInvalid
from tenancy.models import new_id
from tenancy.parts import Part
from tenancy.permissions import Permission
from workflows.definition import Definition
from workflows.models import Deployment, WorkflowVersion

CHOICES_AT_MOST = 200
PAIRS_A_PART = 100
NODES_AT_MOST = 200  # of a replay: it is not kept, so there is no next page of it
CHOICES_TO_COMPARE = 20
ALL_UP_TO = 60  # nodes; of more only those that differ are shown at first


# -- fork -------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.RUN_START)
def fork_run(request: TenantRequest, run_id: UUID) -> HttpResponse:
    """Choose a node and a version; see what is taken over and what runs again; then start it."""
    run = get_run(run_id)
    choice = _fork_choice(run, request)
    version = _version(run, choice["version"].value())
    planned = fork.plan(run, choice["at"].value(), version)
    sent = request.POST if request.method == "POST" else None
    form = ForkForm(
        sent,
        needs_confirmation=planned.needs_confirmation,
        initial={"once": new_id(), "purpose": RunPurpose.WORK.value},
    )
    if planned.problems or not form.is_valid():
        status = 422 if sent is not None else 200
        return _show_fork(request, run, choice, planned, form, status=status)
    forked = fork.fork(
        run=run,
        at=planned.at,
        by=actor_of(request),
        version=version,
        reason=form.cleaned_data["reason"],
        confirm=form.cleaned_data["confirm"],
        purpose=form.cleaned_data["purpose"],
        idempotency_key=f"page:{form.cleaned_data['once']}",
    )
    messages.success(request, "The fork is on record. A worker takes it up at once.")
    return redirect(forked)


def _fork_choice(run: Run, request: TenantRequest) -> ForkChoice:
    """What is chosen already; at first where the run failed, or its first node after the input."""
    definition = run.version.revision.definition
    given = request.POST if request.method == "POST" else request.GET
    order = [node for node in definition.graph.order if node != definition.input_node.id]
    usual = run.error_node or next(iter(order), "")
    at = given.get("at", "")[:200] or usual
    nodes = {each: names.full_name(definition, each) for each in (*order, usual, at) if each}
    chosen = {"at": at, "version": given.get("version", "") or str(run.version.number)}
    return ForkChoice(chosen, nodes=list(nodes.items()), versions=_versions_of(run))


def _show_fork(
    request: TenantRequest,
    run: Run,
    choice: ForkChoice,
    planned: ForkPlan,
    form: ForkForm,
    status: int,
) -> HttpResponse:
    definition = _definition_of(run, planned.version_number)
    shown = {
        "run": run,
        "choice": choice,
        "plan": planned,
        "reused": [names.full_name(definition, each) for each in planned.reused],
        "again": [names.full_name(definition, each) for each in planned.run_again],
        "form": form,
        "is_other_version": planned.version_number != run.version.number,
    }
    return render(request, "runs/fork.html", shown, status=status)


def _definition_of(run: Run, number: int) -> Definition:
    definition: Definition = _version(run, str(number)).revision.definition
    return definition


# -- replay -----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.PAYLOAD_VIEW)
def replay_run(request: TenantRequest, run_id: UUID) -> HttpResponse:
    """Say what was recorded once more, and where it comes out otherwise. Acts on nothing."""
    run = get_run(run_id)
    form = _replay_form(run, request)
    shown = head_of(run, "replay") | {"form": form}
    if form.is_bound and form.is_valid():
        number = form.cleaned_data["policy"]
        report = replay.replay(
            run,
            by=actor_of(request),
            version=_version(run, str(form.cleaned_data["version"])),
            snapshot=get_object_or_404(PolicySnapshot, number=number) if number else None,
            model_groups=form.model_groups,
        )
        told = _worth_telling(report.nodes)
        shown |= {
            "report": report,
            "is_what_if": _is_what_if(run, form),
            "nodes": told[:NODES_AT_MOST],
            "more": max(0, len(told) - NODES_AT_MOST),
            "left_out": len(report.nodes) - len(told),
        }
    status = 422 if form.is_bound and "report" not in shown else 200
    return render(request, "runs/replay.html", shown, status=status)


def _worth_telling(nodes: Sequence[NodeReplay]) -> Sequence[NodeReplay]:
    """All nodes of a small run; of a large one those that are not the same."""
    if len(nodes) <= ALL_UP_TO:
        return nodes
    return [node for node in nodes if node.state not in (SAME, REUSED)]


def _replay_form(run: Run, request: TenantRequest) -> ReplayForm:
    return ReplayForm(
        request.POST if request.method == "POST" else None,
        versions=_versions_of(run),
        policies=PolicySnapshot.objects.only("tenant", "number")[:CHOICES_AT_MOST],
        groups=sorted(manifest.deployments_of(run.manifest)),
        deployments=list(
            Deployment.objects.order_by("name").values_list("name", flat=True)[:CHOICES_AT_MOST]
        ),
        initial={"version": str(run.version.number)},
    )


def _is_what_if(run: Run, form: ReplayForm) -> bool:
    asked = form.cleaned_data
    other = asked["version"] != run.version.number
    return other or asked["policy"] is not None or bool(form.model_groups)


# -- compare ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A node in both runs, with its name and what is to be said of its outputs."""

    pair: Pair
    name: str
    sides: Sequence[tuple[Side | None, Run]]


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.RUN_VIEW)
def choose_two(request: TenantRequest) -> HttpResponse:
    """From the list of runs: two that were ticked."""
    given = request.POST if request.method == "POST" else request.GET
    ticked = list(dict.fromkeys(given.getlist("run")))
    if len(ticked) != 2:
        messages.warning(request, "Tick exactly two runs to compare them.")
        return redirect("runs:list")
    runs = [get_object_or_404(Run.objects.only("tenant"), pk=_to_id(each)) for each in ticked]
    older, newer = sorted(run.pk for run in runs)
    return redirect(f"{reverse('runs:compare', args=[older])}?with={newer}")


@require_safe
@permission_required(Permission.RUN_VIEW)
def compare_runs(request: TenantRequest, run_id: UUID) -> HttpResponse:
    """Two runs side by side; without a second one, the newest ones of the same workflow to choose from."""
    run = get_run(run_id)
    if not request.GET.get("with"):
        others = Run.objects.filter(workflow_id=run.workflow_id, parent_run=None).exclude(pk=run.pk)
        shown = head_of(run, "compare") | {"others": _light(others)[:CHOICES_TO_COMPARE]}
        return render(request, "runs/compare_with.html", shown)
    other = get_run(_to_id(request.GET["with"]))
    found = comparison.compare(run, other, may_read=can(request, Permission.PAYLOAD_VIEW))
    show_all = request.GET.get("show", "all" if len(found.nodes) <= ALL_UP_TO else "") == "all"
    shown = head_of(run, "compare") | _told(found, request, show_all=show_all)
    return render(request, "runs/compare.html", shown)


def _told(found: Comparison, request: TenantRequest, *, show_all: bool) -> dict[str, Any]:
    """Some nodes, and how many differ: of a long comparison as far as that is known without opening every output."""
    is_exact = len(found.doubtful) <= comparison.LOOKED_AT
    start = 0 if is_exact or show_all else _start_of(request)
    most = comparison.LOOKED_AT if is_exact else 1 if show_all else PAIRS_A_PART
    differing, reached = found.look(start, most=most)
    part: Part[Any] | None = None
    pairs: Iterable[Pair] = differing
    if show_all:
        part = parts.part_of(found.nodes, request, size=PAIRS_A_PART)
        pairs = found.read(part.items)
    elif is_exact:
        part = parts.part_of(differing, request, size=PAIRS_A_PART)
        pairs = part.items
    definition = found.left.version.revision.definition
    return {
        "other": found.right,
        "found": found,
        "is_exact": is_exact,
        "differing": len(differing) if is_exact else found.differing,
        "open": len(found.doubtful) - found.differing,
        "first": differing[0].node if differing and not start else "",
        "first_name": names.full_name(definition, differing[0].node) if differing else "",
        "show_all": show_all,
        "rows": [
            Compared(
                pair=pair,
                name=names.full_name(definition, pair.node),
                sides=((pair.left, found.left), (pair.right, found.right)),
            )
            for pair in pairs
        ],
        "part": part,
        "start": start,
        "reached": reached,
        "goes_on": reached < len(found.doubtful),
        "may_read": found.reader.may_read,
    }


def _start_of(request: TenantRequest) -> int:
    """How many of those that may differ were looked at before. Raises PartInvalid for what is no number."""
    asked = request.GET.get("from", "0")
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 9):
        raise PartInvalid
    return int(asked)


# -- what they share --------------------------------------------------------------------------------------------------


def _versions_of(run: Run) -> list[WorkflowVersion]:
    """All versions of its workflow, the newest first."""
    versions = WorkflowVersion.objects.filter(workflow_id=run.workflow_id).only("tenant", "number")
    return list(versions.order_by("-number")[:CHOICES_AT_MOST])


def _version(run: Run, number: str | None) -> WorkflowVersion:
    """Raises Http404 for one that its workflow does not have."""
    wanted = int(number) if number and number.isascii() and number.isdigit() else run.version.number
    if wanted == run.version.number:
        own: WorkflowVersion = run.version
        return own
    versions = WorkflowVersion.objects.select_related("workflow", "revision__workflow")
    found: WorkflowVersion = get_object_or_404(versions, workflow_id=run.workflow_id, number=wanted)
    return found


def _light(runs: Any) -> Any:
    return runs.select_related("workflow", "version").defer(
        "input_sealed", "output_sealed", "response_sealed", "manifest", "labels"
    )


def _to_id(text: str) -> UUID:
    """Raises Http404 for what is no id: such a run does not exist."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
