"""One search for everything that has a name or a number: runs, workflows, signed documents, digests.

Each group is a fixed number of statements on an index, whatever is typed.
"""

import re
from collections.abc import Collection, Sequence
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
from tenancy.access import TenantRequest, permission_required, permissions_of
from tenancy.errors import GroveError
from tenancy.permissions import Permission
from workflows.models import Attestation, Workflow, WorkflowVersion

SHOWN = 8
LEAST, MOST = 2, 200  # signs of a question
HEX = re.compile(r"[0-9a-f]+")
LEAST_OF_ID, LEAST_OF_DIGEST, DIGEST = 6, 8, 64


ICONS = {"run": "play", "runs": "play", "workflow": "flow", "document": "doc", "version": "doc"}


class QuestionTooShort(GroveError):
    """Ask with at least two signs: an id, a title, an owner label, or eight of a digest."""

    code = "question_too_short"
    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing that was found: its page, and where the API has it."""

    kind: str
    words: str
    detail: str
    href: str
    resource: str

    @property
    def icon(self) -> str:
        return ICONS[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    hits: Sequence[Hit]


@require_safe
@permission_required(Permission.RUN_VIEW)
def search(request: TenantRequest) -> HttpResponse:
    """The page of results. The whole id of a run leads to the run at once."""
    text = request.GET.get("q", "").strip()[:MOST]
    run_id = filters.find_id(text)
    if run_id and Run.objects.filter(pk=run_id).exists():
        return redirect("runs:run", run_id)
    groups = find(text, permissions_of(request))
    shown = {"text": text, "groups": groups, "count": sum(len(group.hits) for group in groups)}
    return render(request, "search.html", shown | {"least": LEAST})


@require_safe
@permission_required(Permission.RUN_VIEW)
def suggest(request: TenantRequest) -> HttpResponse:
    """The same as a short list below the box."""
    text = request.GET.get("q", "").strip()[:MOST]
    return render(
        request, "search.html#hits", {"text": text, "groups": find(text, permissions_of(request))}
    )


def find(text: str, held: Collection[Permission]) -> list[Group]:
    """What has this name or number and may be seen with these permissions, in groups that are not empty."""
    if len(text) < LEAST:
        return []
    groups = []
    if Permission.RUN_VIEW in held:
        groups.append(Group(name="Runs", hits=_runs(text)))
    if Permission.WORKFLOW_VIEW in held:
        groups.append(Group(name="Workflows", hits=_workflows(text)))
        groups.append(Group(name="Signed documents", hits=_documents(text)))
        groups.append(Group(name="Digests", hits=_digests(text.lower(), held)))
    return [group for group in groups if group.hits]


def _runs(text: str) -> list[Hit]:
    found = Run.objects.select_related("workflow").only("status", "workflow__title", "tenant")
    wanted = _ids_that_begin(text.lower())
    hits = []
    if wanted is not None:
        hits = [_hit_of_run(run) for run in found.filter(id__range=wanted).order_by("id")[:SHOWN]]
    if Run.objects.filter(owner_label=text).exists():
        written = filters.read({"owner": text}).text
        query = f"?q={quote(written)}"
        hits.append(
            Hit(
                kind="runs",
                words=f"Runs of {text}",
                detail="owner label",
                href=f"{reverse('runs:list')}{query}",
                resource=f"{reverse('api-runs:runs')}{query}",
            )
        )
    return hits


def _workflows(text: str) -> list[Hit]:
    found = Workflow.objects.filter(Q(title__icontains=text) | Q(slug__icontains=text))
    return [
        Hit(
            kind="workflow",
            words=workflow.title,
            detail=workflow.slug,
            href=reverse("workflows:detail", args=[workflow.slug]),
            resource=reverse("api-workflows:workflow", args=[workflow.slug]),
        )
        for workflow in found.order_by("title")[:SHOWN]
    ]


def _documents(text: str) -> list[Hit]:
    """Documents that somebody signed: by the beginning of their digest, or by the name of their workflow."""
    named = Q(workflow__title__icontains=text) | Q(workflow__slug__icontains=text)
    if _is_digest(text.lower()):
        named |= Q(digest__startswith=text.lower())
    found = Attestation.objects.filter(named).select_related("workflow", "version")
    return [
        Hit(
            kind="document",
            words=f"{signed.workflow.title}, document of version {signed.version.number}",
            detail=f"signed by {signed.author_name} on {signed.as_of:%Y-%m-%d}, "
            f"sha256 {signed.digest[:12]}…",
            href=reverse("workflows:sign-off", args=[signed.workflow.slug]),
            resource=reverse("api-workflows:attestations", args=[signed.workflow.slug]),
        )
        for signed in found.order_by("-id")[:SHOWN]
    ]


def _is_digest(text: str) -> bool:
    return len(text) >= LEAST_OF_DIGEST and HEX.fullmatch(text) is not None


def _digests(text: str, held: Collection[Permission]) -> list[Hit]:
    """Versions whose definition has this digest, or one that begins like it; runs with this manifest."""
    if not _is_digest(text):
        return []
    versions = WorkflowVersion.objects.filter(digest__startswith=text).select_related("workflow")
    hits = [
        Hit(
            kind="version",
            words=f"{version.workflow.title}, version {version.number}",
            detail="digest of the definition",
            href=version.get_absolute_url(),
            resource=reverse("api-workflows:version", args=[version.workflow.slug, version.number]),
        )
        for version in versions.order_by("id")[:SHOWN]
    ]
    if len(text) == DIGEST and Permission.RUN_VIEW in held:
        runs = Run.objects.filter(manifest_digest=text).select_related("workflow")
        hits += [_hit_of_run(run, "digest of the manifest") for run in runs.order_by("id")[:SHOWN]]
    return hits


def _hit_of_run(run: Run, detail: str = "") -> Hit:
    return Hit(
        kind="run",
        words=f"…{str(run.pk)[-8:]} {run.workflow.title}",
        detail=detail or run.get_status_display().lower(),
        href=run.get_absolute_url(),
        resource=reverse("api-runs:run", args=[run.pk]),
    )


def _ids_that_begin(text: str) -> tuple[UUID, UUID] | None:
    signs = text.replace("-", "")
    if not LEAST_OF_ID <= len(signs) <= 32 or not HEX.fullmatch(signs):
        return None
    return UUID(signs.ljust(32, "0")), UUID(signs.ljust(32, "f"))
