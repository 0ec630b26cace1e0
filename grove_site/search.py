"""One search for everything that has a name or a number: runs, workflows, digests.

Each group is a fixed number of statements on an index, whatever is typed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runs import filters
from runs.models import Run
from tenancy.access import TenantRequest, can, permission_required
from tenancy.permissions import Permission
from workflows.models import Workflow, WorkflowVersion

SHOWN = 8
LEAST = 2  # signs, before anything is sought
HEX = re.compile(r"[0-9a-f]+")
LEAST_OF_ID, LEAST_OF_DIGEST, DIGEST = 6, 8, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing that was found."""

    icon: str
    words: str
    detail: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    hits: Sequence[Hit]


@require_safe
@permission_required(Permission.RUN_VIEW)
def search(request: TenantRequest) -> HttpResponse:
    """The page of results. The whole id of a run leads to the run at once."""
    text = request.GET.get("q", "").strip()[:200]
    run_id = filters.find_id(text)
    if run_id and Run.objects.filter(pk=run_id).exists():
        return redirect("runs:run", run_id)
    groups = find(text, request)
    shown = {"text": text, "groups": groups, "count": sum(len(group.hits) for group in groups)}
    return render(request, "search.html", shown | {"least": LEAST})


@require_safe
@permission_required(Permission.RUN_VIEW)
def suggest(request: TenantRequest) -> HttpResponse:
    """The same as a short list below the box."""
    text = request.GET.get("q", "").strip()[:200]
    return render(request, "search.html#hits", {"text": text, "groups": find(text, request)})


def find(text: str, request: TenantRequest) -> list[Group]:
    """What has this name or number, in groups that are not empty."""
    if len(text) < LEAST:
        return []
    groups = [Group(name="Runs", hits=_runs(text))]
    if can(request, Permission.WORKFLOW_VIEW):
        groups.append(Group(name="Workflows", hits=_workflows(text)))
        groups.append(Group(name="Digests", hits=_digests(text.lower())))
    return [group for group in groups if group.hits]


def _runs(text: str) -> list[Hit]:
    found = Run.objects.select_related("workflow").only("status", "workflow__title", "tenant")
    wanted = _ids_that_begin(text.lower())
    hits = []
    if wanted is not None:
        hits = [_hit_of_run(run) for run in found.filter(id__range=wanted).order_by("id")[:SHOWN]]
    if Run.objects.filter(owner_label=text).exists():
        written = filters.read({"owner": text}).text
        href = f"{reverse('runs:list')}?q={quote(written)}"
        hits.append(Hit(icon="play", words=f"Runs of {text}", detail="owner label", href=href))
    return hits


def _workflows(text: str) -> list[Hit]:
    found = Workflow.objects.filter(Q(title__icontains=text) | Q(slug__icontains=text))
    return [
        Hit(
            icon="flow",
            words=workflow.title,
            detail=workflow.slug,
            href=reverse("workflows:detail", args=[workflow.slug]),
        )
        for workflow in found.order_by("title")[:SHOWN]
    ]


def _digests(text: str) -> list[Hit]:
    """Versions whose definition has this digest, or one that begins like it; runs with this manifest."""
    if len(text) < LEAST_OF_DIGEST or not HEX.fullmatch(text):
        return []
    versions = WorkflowVersion.objects.filter(digest__startswith=text).select_related("workflow")
    hits = [
        Hit(
            icon="doc",
            words=f"{version.workflow.title}, version {version.number}",
            detail="digest of the definition",
            href=version.get_absolute_url(),
        )
        for version in versions.order_by("id")[:SHOWN]
    ]
    if len(text) == DIGEST:
        runs = Run.objects.filter(manifest_digest=text).select_related("workflow")
        hits += [_hit_of_run(run, "digest of the manifest") for run in runs.order_by("id")[:SHOWN]]
    return hits


def _hit_of_run(run: Run, detail: str = "") -> Hit:
    return Hit(
        icon="play",
        words=f"…{str(run.pk)[-8:]} {run.workflow.title}",
        detail=detail or run.get_status_display().lower(),
        href=run.get_absolute_url(),
    )


def _ids_that_begin(text: str) -> tuple[UUID, UUID] | None:
    signs = text.replace("-", "")
    if not LEAST_OF_ID <= len(signs) <= 32 or not HEX.fullmatch(signs):
        return None
    return UUID(signs.ljust(32, "0")), UUID(signs.ljust(32, "f"))
