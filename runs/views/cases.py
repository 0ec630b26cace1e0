"""Saved cases of a workflow: how each one goes against a definition, and a form to write or take one over."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs import case_runs
from runs.case_forms import CaseForm
from runs.models import Run
from runs.runnable import find_definition_of
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.errors import GroveError
from tenancy.permissions import Permission
from workflows import cases, governance
from workflows.cases import Content
from workflows.errors import DefinitionInvalid
from workflows.models import Case, Workflow


@require_safe
@permission_required(Permission.PAYLOAD_VIEW)
def list_cases(request: TenantRequest, slug: str) -> HttpResponse:
    """Each case, tried in memory against the draft or the version that is asked for."""
    workflow = _workflow(slug)
    asked = request.GET.get("version", "")
    number = int(asked) if asked.isdecimal() else None
    shown: dict[str, Any] = {
        "workflow": workflow,
        "versions": workflow.versions.all()[:20],
        "number": number,
        "rules": governance.current(),
        "may_edit": can(request, Permission.WORKFLOW_EDIT),
    }
    try:
        definition = find_definition_of(workflow, version=number)
        shown["outcomes"] = case_runs.judge_all(workflow, definition)
    except DefinitionInvalid as error:
        shown |= {"unreadable": error.sentence, "cases": cases.current(workflow)}
    return render(request, "runs/cases.html", shown)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_EDIT)
def edit_case(request: TenantRequest, slug: str, name: str = "") -> HttpResponse:
    """Write a case, or the next revision of one."""
    workflow = _workflow(slug)
    before = _case(workflow, name) if name else None
    if request.method != "POST":
        content = cases.open_content(before) if before else None
        return _show(request, workflow, before, CaseForm.of(name, content))
    form = CaseForm(request.POST)
    if not form.is_valid():
        return _show(request, workflow, before, form, status=422)
    return _save(request, workflow, before, form)


@require_safe
@permission_required(Permission.PAYLOAD_VIEW)
def take_over(request: TenantRequest, run_id: UUID) -> HttpResponse:
    """A case made of what this run was given and answered, to be looked at before it is saved."""
    run = get_object_or_404(Run.objects.select_related("workflow"), pk=run_id)
    form = CaseForm.of(f"as-run-{run.pk.hex[-8:]}", case_runs.of_run(run))
    return _show(request, _workflow(run.workflow.slug), None, form)


@require_POST
@permission_required(Permission.WORKFLOW_EDIT)
def withdraw_case(request: TenantRequest, slug: str, name: str) -> HttpResponse:
    cases.withdraw(case=_case(_workflow(slug), name), by=actor_of(request))
    messages.success(request, f"The case “{name}” is not asked any more.")
    return redirect("runs:cases", slug)


def _save(
    request: TenantRequest, workflow: Workflow, before: Case | None, form: CaseForm
) -> HttpResponse:
    content: Content = form.cleaned_data["content"]
    name = before.name if before else form.cleaned_data["name"]
    try:
        if before is None and cases.find(workflow, name):
            form.add_error("name", f"There is a case “{name}” already.")
            return _show(request, workflow, before, form, status=409)
        case = cases.save(workflow=workflow, name=name, content=content, by=actor_of(request))
    except GroveError as error:
        form.add_error(None, error.sentence)
        return _show(request, workflow, before, form, status=error.status)
    messages.success(request, f"The case “{case.name}” is saved.")
    return redirect("runs:cases", workflow.slug)


def _show(
    request: TenantRequest,
    workflow: Workflow,
    before: Case | None,
    form: CaseForm,
    status: int = 200,
) -> HttpResponse:
    shown = {"workflow": workflow, "case": before, "form": form}
    response = render(request, "runs/case.html", shown, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _workflow(slug: str) -> Workflow:
    workflow: Workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    return workflow


def _case(workflow: Workflow, name: str) -> Case:
    case = cases.find(workflow, name)
    if case is None:
        raise Http404
    return case
