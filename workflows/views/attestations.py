"""Sign-off of documents: how it stands for one workflow, the form that signs, and what has to be signed again."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from tenancy import parts, persons
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.permissions import Permission
from workflows import attestations, document, governance
from workflows.attestations import SignOff, Standing
from workflows.forms import AttestationForm
from workflows.models import Attestation, Workflow, WorkflowVersion
from workflows.views.documentation import below_the_title


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_sign_off(request: TenantRequest, slug: str) -> HttpResponse:
    """How the sign-off stands, what was signed, and what is said otherwise now."""
    return _show(request, _version_in_use(slug), AttestationForm())


@require_POST
@permission_required(Permission.WORKFLOW_ATTEST)
def sign_document(request: TenantRequest, slug: str) -> HttpResponse:
    version = _version_in_use(slug)
    form = AttestationForm(request.POST)
    if not form.is_valid():
        return _show(request, version, form, status=422)
    attestations.sign(
        version=version,
        digest=form.cleaned_data["digest"],
        statement=form.cleaned_data["statement"],
        expires_at=form.expires_at,
        by=actor_of(request),
    )
    messages.success(request, f"Version {version.number} is signed.")
    return redirect("workflows:sign-off", slug)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def list_sign_offs(request: TenantRequest) -> HttpResponse:
    """Every workflow in use with its sign-off; `state=overdue` leaves those that have to be signed again."""
    rules = governance.current()
    state = request.GET.get("state", "")
    found = attestations.find_all(attestations.versions_in_use(), rules)
    shown = {
        "part": parts.part_of([each for each in found if _is_asked(each, state)], request),
        "state": state,
        "rules": rules,
    }
    return render(request, "workflows/sign_offs.html", shown)


def _is_asked(found: SignOff, state: str) -> bool:
    return not state or (state == "overdue" and found.is_overdue) or state == found.standing


def _show(
    request: TenantRequest, version: WorkflowVersion, form: AttestationForm, status: int = 200
) -> HttpResponse:
    found = attestations.find(version)
    may_read = can(request, Permission.PAYLOAD_VIEW)  # nobody signs what they have not read
    copy = document.copy_for(version=version, may_read=may_read)
    actor = actor_of(request)
    wrote_it = persons.of_actor(actor) in set(attestations.authors(version, now()))
    may_sign = may_read and can(request, Permission.WORKFLOW_ATTEST)
    form.initial = {"digest": copy.digest}
    shown: dict[str, Any] = {
        "workflow": version.workflow,
        "version": version,
        "found": found,
        "history": Attestation.objects.filter(workflow=version.workflow).select_related("version"),
        "form": form if may_sign and not wrote_it else None,
        "wrote_it": wrote_it and may_sign,
        "document": below_the_title(document.to_html(copy.text)),
        "rules": governance.current(),
    }
    if found.standing is Standing.STALE and found.attestation is not None:
        shown["told"] = attestations.difference_to_signed(
            version, found.attestation, may_read=may_read
        )
    return render(request, "workflows/sign_off.html", shown, status=status)


def _version_in_use(slug: str) -> WorkflowVersion:
    workflow = get_object_or_404(Workflow.objects.living(), slug=slug)
    if workflow.published_id is None:
        raise Http404
    rows = WorkflowVersion.objects.select_related("workflow", "revision__workflow")
    version: WorkflowVersion = rows.get(pk=workflow.published_id)
    return version
