"""What people say about a workflow: the document of a version, the form behind it, and its history."""

import re
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from tenancy import paging
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.permissions import Permission
from workflows import (
    attestations,
    completeness,
    document,
    document_states,
    documentation,
    documentation_history,
)
from workflows.document_dates import read_day
from workflows.documentation_forms import DocumentationForm, initial_of
from workflows.errors import DocumentationOutdated
from workflows.models import Documentation, Workflow
from workflows.views.workflow import definition_of, find_shown, page_of, pictures_of, version_of

EMPTY_HEAD = re.compile(r"<thead>\s*<tr>(\s*<th></th>)+\s*</tr>\s*</thead>")
GRAPH = re.compile(r"(<pre><code>flowchart LR\n.*?</code></pre>)", re.DOTALL)
CHANGES_SHOWN = 20


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_documentation(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    """The document of a version as things stand, or stood on a day, and how complete it is."""
    found = find_shown(slug, number)
    version = version_of(found)
    day, as_of = read_day(request.GET.get("as_of", ""))
    copy = document.copy_for(version=version, as_of=as_of, may_read=_may_read(request))
    definition = definition_of(version.revision)
    shown = page_of(found, "documentation") | {
        "document": around_the_graph(below_the_title(document.to_html(copy.text))),
        "pictures": pictures_of(definition, version.get_absolute_url()) if definition else (),
        "document_digest": copy.digest,
        "is_masked": copy.is_masked,
        "day": day,
        "complete": completeness.look(version.revision),
        "sign_off": attestations.find(version) if version.is_published else None,
    }
    return render(request, "workflows/documentation.html", shown)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def download_documentation(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    version = version_of(find_shown(slug, number))
    day, as_of = read_day(request.GET.get("as_of", ""))
    copy = document.copy_for(version=version, as_of=as_of, may_read=_may_read(request))
    without = "-without-prompts" if copy.is_masked else ""
    name = f"{slug}-version-{number}{f'-{day}' if day else ''}{without}.md"
    return HttpResponse(
        copy.text,
        content_type="text/markdown; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.DOCUMENTATION_EDIT)
def edit_documentation(request: TenantRequest, slug: str) -> HttpResponse:
    """The plain-language part. Whoever was overtaken by somebody gets the page back with all that they typed (412)."""
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    newest = documentation.find_newest(workflow)
    texts = documentation.to_texts(newest) if newest else documentation.Texts()
    draft = completeness.find_draft(workflow)
    complete = completeness.look(draft) if draft else None
    nodes = complete.nodes if complete else ()
    initial = initial_of(texts, documentation.number_of(newest), nodes)
    form = DocumentationForm(request.POST or None, nodes=nodes, initial=initial)
    shown = {"workflow": workflow, "form": form, "complete": complete, "texts": texts}
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "workflows/documentation_edit.html", shown, status=status)
    try:
        saved = documentation.save(
            workflow=workflow,
            texts=form.to_texts(texts),
            by=actor_of(request),
            reason=form.cleaned_data["reason"],
            begun_from=form.cleaned_data["begun_from"],
            confirmed=form.confirmed,
        )
    except DocumentationOutdated:
        return _show_conflict(request, workflow, form, shown)
    messages.success(request, "Saved." if saved else "Nothing was different, so nothing was saved.")
    return redirect("workflows:documentation-history", slug)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_history(request: TenantRequest, slug: str) -> HttpResponse:
    """Who changed which text, when and why; with a day, what each text said then."""
    workflow = get_object_or_404(Workflow.objects.with_pointers(), slug=slug)
    day, as_of = read_day(request.GET.get("as_of", ""))
    rows = Documentation.objects.filter(workflow=workflow)
    page = paging.page(rows, request, order=("-number",), limit=CHANGES_SHOWN)
    shown = {
        "workflow": workflow,
        "page": page,
        "changes": list(documentation_history.changes(page.items)),
        "day": day,
        "values": _values(workflow, as_of),
    }
    return render(request, "workflows/documentation_history.html", shown)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_difference(request: TenantRequest, slug: str) -> HttpResponse:
    """What the document says otherwise at the end of one day than at the end of another."""
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    first, before = read_day(request.GET.get("from", ""))
    last, after = read_day(request.GET.get("to", ""))
    shown: dict[str, Any] = {"workflow": workflow, "first": first, "last": last}
    if before is not None:
        shown["told"] = document_states.compare(
            workflow, before, after or now(), may_read=_may_read(request)
        )
    return render(request, "workflows/documentation_difference.html", shown)


def _may_read(request: TenantRequest) -> bool:
    return can(request, Permission.PAYLOAD_VIEW)


def _values(workflow: Workflow, as_of: datetime | None) -> list[documentation_history.Value] | None:
    return documentation_history.as_of(workflow, as_of) if as_of else None


def _show_conflict(
    request: TenantRequest, workflow: Workflow, form: DocumentationForm, shown: dict[str, Any]
) -> HttpResponse:
    """The same form with all that was typed, and what the other person changed beside it."""
    begun_from = form.cleaned_data["begun_from"]
    rows = list(Documentation.objects.filter(workflow=workflow, number__gt=begun_from))
    sent = request.POST.copy()
    sent["begun_from"] = str(documentation.number_of(rows[0] if rows else None))
    form.data = sent
    shown["others"] = list(documentation_history.changes(rows))
    return render(request, "workflows/documentation_edit.html", shown, status=412)


def around_the_graph(html: str) -> tuple[str, str, str]:
    """The document before its graph, the graph as text, and what follows: a page draws it for those who read."""
    before, graph, after = GRAPH.split(html, maxsplit=1) if GRAPH.search(html) else (html, "", "")
    return mark_safe(before), mark_safe(graph), mark_safe(after)  # noqa: S308 - parts of what is safe


def below_the_title(html: str) -> str:
    """Each heading one level down, for the page has a title already; tables that scroll; no head without words."""
    html = EMPTY_HEAD.sub("", html)
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    html = html.replace("</table>", "</table></div>")
    moved = re.sub(r"<(/?)h([1-5])>", lambda at: f"<{at[1]}h{int(at[2]) + 1}>", html)
    return mark_safe(moved)  # noqa: S308 - document.to_html lets nothing but text and tables through
