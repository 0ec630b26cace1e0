"""Definitions as text: paste or upload a new one, edit the draft's YAML. Problems are listed with their lines."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from compliance.labels import DataClass
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.permissions import Permission
from workflows import beginning, changes, definitions, drafts, starters
from workflows.errors import DraftMoved, WorkflowNameTaken
from workflows.forms import BeginForm, DefinitionForm
from workflows.models import DefinitionRevision, Workflow


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_EDIT, returns_typed=True)
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
@permission_required(Permission.WORKFLOW_EDIT, returns_typed=True)
def begin_workflow(request: TenantRequest) -> HttpResponse:
    """A new workflow from a template."""
    form = BeginForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        asked = form.cleaned_data
        try:
            revision = beginning.create(
                starter=asked["starter"],
                title=asked["title"],
                name=asked["name"],
                purpose=asked["purpose"],
                data_class=DataClass.from_word(asked["data_class"]),
                by=actor_of(request),
            )
        except WorkflowNameTaken as error:
            form.add_error("name", str(error))
        else:
            return redirect("workflows:edit", revision.workflow.slug)
    shown = {"form": form, "starters": starters.all_of_them().values()}
    return render(request, "workflows/new.html", shown, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_EDIT, returns_typed=True)
def edit_definition(request: TenantRequest, slug: str) -> HttpResponse:
    """The draft as text. It is always saved, with its problems listed; only publishing asks that there are none."""
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    head = get_object_or_404(workflow.revisions.select_related("workflow"), pk=workflow.head_id)
    if request.method != "POST":
        form = DefinitionForm(initial={"text": head.source, "parent": head.pk})
        return _show_draft(request, workflow, head, form)
    form = DefinitionForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show_draft(request, workflow, head, form, status=422)
    rows = workflow.revisions.select_related("workflow")
    base = rows.filter(pk=form.cleaned_data["parent"]).first() or head
    try:
        revision = drafts.save(
            workflow=workflow,
            text=form.cleaned_data["text"],
            media=form.cleaned_data["media"],
            by=actor_of(request),
            summary=form.cleaned_data["summary"],
            base=base,
        )
    except DraftMoved:
        return _show_draft(request, workflow, head, form, status=412, base=base)
    if revision.error_count:
        messages.warning(request, f"Saved as revision {revision.number}, with errors to mend.")
    else:
        messages.success(request, f"Saved as revision {revision.number}.")
    return redirect("workflows:edit-yaml", slug)


def _show_draft(
    request: TenantRequest,
    workflow: Workflow,
    head: DefinitionRevision,
    form: DefinitionForm,
    *,
    status: int = 200,
    base: DefinitionRevision | None = None,
) -> HttpResponse:
    """The text with its problems; where somebody else has changed the draft, what they did, and the text as typed."""
    shown: dict[str, Any] = {
        "workflow": workflow,
        "revision": head,
        "base": head,
        "tab": "yaml",
        "redo": drafts.find_redo(workflow),
        "problems": head.problems,
    }
    if base is not None:
        told = list(changes.tell(before=base.source, after=head.source))
        shown["conflict"] = {"told": told, "theirs": head, "by": head.author_name or "Somebody"}
    return _show(request, "workflows/edit.html", form, status=status, **shown)


def _show(
    request: TenantRequest,
    template: str,
    form: DefinitionForm,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    return render(request, template, {"form": form, **more}, status=status)
