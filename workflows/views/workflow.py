"""One workflow at one version (or its draft): graph, definition, documentation, and its history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from tenancy.access import TenantRequest, can, permission_required
from tenancy.permissions import Permission
from workflows import versions, withheld
from workflows.definition import Definition, NodeGraph
from workflows.drawing import GraphPicture, NodeLook, draw_graph
from workflows.models import DefinitionRevision, Workflow, WorkflowVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page is about: a revision, and the version that it is numbered as, if it is."""

    workflow: Workflow
    revision: DefinitionRevision | None
    version: WorkflowVersion | None

    @property
    def is_draft(self) -> bool:
        return self.version is None

    @property
    def has_newer_draft(self) -> bool:
        head = self.workflow.head
        return self.version is not None and head is not None and head.pk != self.version.revision_id


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_graph(request: TenantRequest, slug: str, number: int | None = None) -> HttpResponse:
    """The graph, drawn down, with the selected node beside it and the bodies it leads into below."""
    found = find_shown(slug, number)
    definition = definition_of(found.revision)
    shown = page_of(found, "graph")
    if definition is not None:
        shown |= _graph(definition, request.GET.get("node", ""))
        if not can(request, Permission.PAYLOAD_VIEW):
            shown["spec"] = withheld.of_node(shown["spec"])
    fragment = request.htmx and request.htmx.target == "live"
    template = "workflows/graph.html"
    return render(request, f"{template}#live" if fragment else template, shown)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_definition(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    return _show_source(request, find_shown(slug, number))


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_revision(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    """A revision as it was typed, with what was wrong with it."""
    workflow = _workflow(slug)
    revision = get_object_or_404(workflow.revisions.select_related("workflow"), number=number)
    version = WorkflowVersion.objects.filter(revision=revision).with_state().first()
    return _show_source(request, Shown(workflow=workflow, revision=revision, version=version))


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_versions(request: TenantRequest, slug: str) -> HttpResponse:
    """Versions with their life, and all revisions."""
    found = find_shown(slug, None)
    shown = page_of(found, "versions")
    rows = found.workflow.versions.with_state().select_related("revision")
    shown["versions"] = versions.lineage(rows.prefetch_related("statuses"))
    shown["reviews"] = found.workflow.reviews.select_related("version", "workflow")[:50]
    shown["revisions"] = found.workflow.revisions.prefetch_related("versions")[:200]
    return render(request, "workflows/versions.html", shown)


def _workflow(slug: str) -> Workflow:
    return get_object_or_404(Workflow.objects.with_pointers(), slug=slug)


def find_shown(slug: str, number: int | None) -> Shown:
    """The version asked for; without a number the published one, else the newest, else the draft."""
    workflow = _workflow(slug)
    rows = workflow.versions.with_state().select_related("revision")
    if number is not None:
        version = rows.filter(number=number).first()
        if version is None:
            raise Http404
    elif workflow.published_id:
        version = rows.get(pk=workflow.published_id)
    else:
        version = rows.first()
    if version is not None:
        version.workflow = version.revision.workflow = workflow
    revision = version.revision if version else workflow.head
    return Shown(workflow=workflow, revision=revision, version=version)


def version_of(found: Shown) -> WorkflowVersion:
    if found.version is None:
        raise Http404
    return found.version


def page_of(found: Shown, tab: str) -> dict[str, Any]:
    return {
        "workflow": found.workflow,
        "version": found.version,
        "revision": found.revision,
        "found": found,
        "tab": tab,
    }


def _show_source(request: TenantRequest, found: Shown) -> HttpResponse:
    shown = page_of(found, "definition")
    if found.revision is not None and not found.workflow.is_disposed:
        shown["problems"] = found.revision.problems
        if can(request, Permission.PAYLOAD_VIEW):
            shown["source"] = found.revision.source
            shown["bad_lines"] = {problem["line"] for problem in found.revision.problems}
        else:
            shown["is_masked"] = True
            spec = found.revision.spec if found.revision.digest else None
            shown["source"] = withheld.of_source(spec) if spec is not None else ""
    return render(request, "workflows/definition.html", shown)


def definition_of(revision: DefinitionRevision | None) -> Definition | None:
    """None for a draft that cannot be read yet, and after disposal."""
    if revision is None or not revision.digest or revision.workflow.is_disposed:
        return None
    return revision.definition


def _graph(definition: Definition, asked: str) -> dict[str, Any]:
    """The graph and the bodies around the selected node, each with that part selected that leads to it."""
    known = {node.id: node for node in definition.walk()}
    selected = asked if asked in known else definition.graph.order[0]
    trail = definition.trail(selected)
    open_bodies = [known[node_id] for node_id in trail if known[node_id].body]
    inner = [
        {"container": node, "picture": _draw(node.body, trail), "given": sorted(node.body.given)}
        for node in open_bodies
        if node.body is not None
    ]
    return {
        "picture": _draw(definition, trail),
        "bodies": inner,
        "node": known[selected],
        "spec": _spec_of(definition.spec, trail),
        "definition": definition,
    }


def pictures_of(definition: Definition, at: str) -> list[tuple[str, GraphPicture]]:
    """The graph and that of each body with the title of its container, whose nodes lead to the page at this address."""
    bodies = [(node.title or node.id, node.body) for node in definition.walk() if node.body]
    return [
        ("", _draw(definition, (), at)),
        *((name, _draw(body, (), at)) for name, body in bodies),
    ]


def _draw(graph: NodeGraph, trail: Collection[str], at: str = "") -> GraphPicture:
    looks = {
        node.id: NodeLook(
            title=node.title or node.id,
            kind=node.kind,
            note=node.kind,
            href=f"{at}?node={node.id}",
            selected=node.id in trail,
            inside=len(node.body.nodes) if node.body else 0,
        )
        for node in graph.nodes
    }
    down = draw_graph(graph.graph, looks, direction="down")
    return down if down.fits else draw_graph(graph.graph, looks)


def _spec_of(spec: Mapping[str, Any], trail: Sequence[str]) -> dict[str, Any]:
    """The node as it is written, without what the page says elsewhere."""
    told = ("id", "kind", "title", "description", "body")
    node = next(each for each in spec["nodes"] if each["id"] == trail[0])
    if trail[1:]:
        return _spec_of(node["body"], trail[1:])
    return {name: value for name, value in node.items() if name not in told}
