"""Definitions as text: paste or upload a new one, edit the draft. Problems are listed with their lines."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.permissions import Permission
from workflows import definitions
from workflows.forms import DefinitionForm
from workflows.models import Workflow


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_EDIT)
def import_definition(request: TenantRequest) -> HttpResponse:
    """A definition under its own name. One with errors is refused, and every error is listed."""
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = DefinitionForm(*sent)
    if not form.is_valid():
        return _show(request, "workflows/import.html", form, status=422 if form.is_bound else 200)
    text, media = form.cleaned_data["text"], form.cleaned_data["media"]
    reading = definitions.read(text, media=media)
    if reading.errors:
        shown = {"problems": reading.problems, "text": text}
        return _show(request, "workflows/import.html", form, status=422, **shown)
    revision = definitions.import_definition(
        text=text, media=media, by=actor_of(request), summary=form.cleaned_data["summary"]
    )
    messages.success(request, f"Saved as revision {revision.number}.")
    return redirect("workflows:revision", revision.workflow.slug, revision.number)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_EDIT)
def edit_definition(request: TenantRequest, slug: str) -> HttpResponse:
    """The draft. It is always saved, with its problems listed; only publishing asks that there are none."""
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    head = workflow.head
    if request.method != "POST":
        form = DefinitionForm(
            initial={"text": head.source if head else "", "parent": head and head.pk}
        )
        shown: dict[str, Any] = {"workflow": workflow, "problems": head.problems if head else ()}
        return _show(request, "workflows/edit.html", form, **shown)
    form = DefinitionForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, "workflows/edit.html", form, status=422, workflow=workflow)
    revision = definitions.save(
        workflow=workflow,
        text=form.cleaned_data["text"],
        media=form.cleaned_data["media"],
        by=actor_of(request),
        summary=form.cleaned_data["summary"],
        parent=workflow.revisions.filter(pk=form.cleaned_data["parent"]).first(),
    )
    if revision.error_count:
        messages.warning(request, f"Saved as revision {revision.number}, with errors to mend.")
        return redirect("workflows:edit", slug)
    messages.success(request, f"Saved as revision {revision.number}.")
    return redirect("workflows:revision", slug, revision.number)


def _show(
    request: TenantRequest,
    template: str,
    form: DefinitionForm,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    return render(request, template, {"form": form, **more}, status=status)
