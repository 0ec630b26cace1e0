"""What changed between two versions or revisions: in words, as a graph, line by line."""

from collections.abc import Iterable

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from tenancy.access import TenantRequest, can, permission_required
from tenancy.permissions import Permission
from workflows import comparisons
from workflows.comparisons import Comparison
from workflows.differences import Change, bounded
from workflows.errors import WorkflowDisposed
from workflows.models import Workflow

SHOWN = 100  # changes on a page; the API has all


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_comparison(request: TenantRequest, slug: str) -> HttpResponse:
    """`from` and `to` are versions (3) or revisions (r5); without them from what is published to what is newest."""
    workflow = get_object_or_404(Workflow.objects.with_pointers(), slug=slug)
    if workflow.is_disposed:
        raise WorkflowDisposed
    found = comparisons.of_names(
        workflow,
        request.GET.get("from", ""),
        request.GET.get("to", ""),
        may_read=can(request, Permission.PAYLOAD_VIEW),
    )
    return render(
        request,
        "workflows/compare.html",
        {"workflow": workflow, "found": found, "choices": choices(workflow), **to_shown(found)},
    )


def choices(workflow: Workflow) -> list[tuple[str, str]]:
    """What can be compared, the newest first: a revision that is numbered, as its version."""
    revisions = workflow.revisions.prefetch_related("versions")[:200]
    return [
        (str(version.number), f"Version {version.number}")
        if (version := next(iter(revision.versions.all()), None))
        else (f"r{revision.number}", f"Revision {revision.number}")
        for revision in revisions
    ]


def to_shown(found: Comparison) -> dict[str, object]:
    """What the layers of a comparison print; nothing but lines where a side cannot be read yet."""
    if not found.is_readable:
        return {"lines": found.lines}
    changes, more = bounded(found.behaviour, SHOWN)
    return {
        "changes": _with_anchors(changes),
        "more": more,
        "words": [(change, "") for change in found.difference.words[:SHOWN]],
        "around": [(change, "") for change in found.around[:SHOWN]],
        "risk": found.risk,
        "graphs": found.graphs,
        "lines": found.lines,
    }


def _with_anchors(changes: Iterable[Change]) -> list[tuple[Change, str]]:
    """Each with the anchor that its node in the graph leads to, the first change of a node alone."""
    led_to: set[str] = set()
    found = []
    for change in changes:
        is_first = bool(change.node) and change.node not in led_to
        led_to.add(change.node)
        found.append((change, f"c-{change.node}" if is_first else ""))
    return found
