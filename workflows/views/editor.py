"""The editor of a draft: outline, picture and the form of one node. Every POST is one revision, or moves the draft."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.permissions import Permission
from workflows import changes, drafts, node_form, node_tree, offers, pasted, presence
from workflows.drafts import Saved
from workflows.edits import Edit
from workflows.errors import DraftMoved, EditRefused, NothingToUndo
from workflows.form_fields import FieldUnreadable, State, first
from workflows.models import DefinitionRevision, Workflow
from workflows.node_form import Read
from workflows.views import draft_page
from workflows.views.draft_page import Asked

TEMPLATE = "workflows/editor.html"
UNPROCESSABLE, CONFLICT = 422, 412


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_EDIT, returns_typed=True)
def edit_draft(request: TenantRequest, slug: str) -> HttpResponse:
    """The draft with the selected node's form. What is sent is saved, problems and all."""
    workflow, head = _draft(slug)
    if request.method == "POST":
        return _change(request, workflow, head)
    check = request.GET.get("check", "")
    asked = Asked(
        node=request.GET.get("node", ""),
        adds="add" in request.GET,
        check=int(check) if check.isdecimal() else -1,
    )
    return _show(request, workflow, head, asked)


@require_safe
@permission_required(Permission.WORKFLOW_EDIT)
def list_revisions(request: TenantRequest, slug: str) -> HttpResponse:
    """Every revision with author, time and summary, and the way back to it."""
    workflow, head = _draft(slug)
    shown = {
        "workflow": workflow,
        "revision": head,
        "base": head,
        "tab": "revisions",
        "revisions": draft_page.revisions_of(workflow)[:200],
        "redo": drafts.find_redo(workflow),
    }
    return render(request, "workflows/editor_revisions.html", shown)


@require_POST
@permission_required(Permission.WORKFLOW_EDIT)
def tell_presence(request: TenantRequest, slug: str) -> HttpResponse:
    """Who else is here, and whether the draft has moved since this page was made. The page asks again by itself."""
    workflow, head = _draft(slug)
    by = actor_of(request)
    presence.tell(workflow=workflow, node=request.POST.get("node", ""), by=by)
    seen = request.POST.get("revision", "")
    shown = {
        "workflow": workflow,
        "others": presence.find_others(workflow=workflow, by=by),
        "moved": head if seen.isdecimal() and int(seen) != head.number else None,
        "seen": seen,
        "node": request.POST.get("node", ""),
        "again": True,
    }
    return render(request, "workflows/_presence.html", shown)


def _draft(slug: str) -> tuple[Workflow, DefinitionRevision]:
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    if workflow.head is None:
        raise Http404
    head: DefinitionRevision = workflow.head
    head.workflow = workflow
    return workflow, head


def _change(request: TenantRequest, workflow: Workflow, head: DefinitionRevision) -> HttpResponse:
    """Make the change that the pressed button names; show what was typed again where it cannot be made."""
    sent = dict(request.POST.lists())
    base = _revision(workflow, first(sent, "base"))
    asked = Asked(node=first(sent, "node"), adds=first(sent, "do") in ("add", "paste"), sent=sent)
    make = CHANGES.get(first(sent, "do"))
    if make is None:
        raise Http404
    try:
        saved = make(request, workflow, base, sent)
    except _Unreadable as error:
        shown = _with(asked, errors=error.errors)
        return _show(request, workflow, head, shown, status=UNPROCESSABLE)
    except (EditRefused, NothingToUndo, FieldUnreadable) as error:
        shown = _with(asked, refusal=str(error))
        return _show(request, workflow, head, shown, status=UNPROCESSABLE)
    except DraftMoved:
        return _show_conflict(request, workflow, _with(asked, base=base))
    return _done(request, workflow, saved)


class _Unreadable(Exception):
    """Fields whose text is not what they take."""

    def __init__(self, read: Read) -> None:
        self.errors = read.errors
        super().__init__()


def _save_node(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    """What was typed over in a form that began from `base`; made on top of `onto` where the person said so."""
    spec, node = draft_page.spec_of(base), first(sent, "node")
    spot = node_tree.find(spec, node)
    if spot is None and node:
        raise EditRefused(f"There is no node “{node}” in this draft.")
    if spot is None:
        read = node_form.read_top(spec, sent)
    else:
        kind = str(spot.written.get("kind"))
        known = offers.find(workflow=workflow, revision=base, node=node, kind=kind)
        read = node_form.read_node(spec, spot, sent, known)
    if read.errors:
        raise _Unreadable(read)
    onto = _revision(workflow, first(sent, "onto")) if first(sent, "onto") else base
    saved = drafts.edit(workflow=workflow, edits=read.edits, base=onto, by=actor_of(request))
    return Saved(revision=saved.revision, node=saved.node or node)


def _add_node(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    node, (way, _, detail) = first(sent, "node"), first(sent, "place").partition(":")
    new = {"kind": first(sent, "kind"), "title": first(sent, "title").strip()}
    if way == "edge":
        edit = Edit(name="insert", arguments={**new, "source": node, "target": detail})
    elif way == "inside":
        edit = Edit(name="add", arguments={**new, "inside": node})
    elif way == "end" or not node:
        edit = Edit(name="add", arguments=new)
    else:
        beside = {"after": node, "branch": detail, "take_over": way in ("take", "branch")}
        edit = Edit(name="add", arguments={**new, **beside})
    return drafts.edit(workflow=workflow, edits=[edit], base=base, by=actor_of(request))


def _remove_node(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    edit = Edit(name="remove", arguments={"node": first(sent, "node")})
    return drafts.edit(workflow=workflow, edits=[edit], base=base, by=actor_of(request))


def _duplicate_node(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    edit = Edit(name="duplicate", arguments={"node": first(sent, "node")})
    return drafts.edit(workflow=workflow, edits=[edit], base=base, by=actor_of(request))


def _paste_node(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    node, (way, _, detail) = first(sent, "node"), first(sent, "place").partition(":")
    arguments: dict[str, Any] = {"value": pasted.read(first(sent, "text"))}
    if way == "inside":
        arguments["inside"] = node
    elif way in ("take", "beside", "branch"):
        take_over = way != "beside"
        arguments |= {"after": node, "branch": detail, "take_over": take_over}
    edit = Edit(name="paste", arguments=arguments)
    return drafts.edit(workflow=workflow, edits=[edit], base=base, by=actor_of(request))


def _undo(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    revision = drafts.undo(workflow=workflow, base=base, by=actor_of(request))
    return Saved(revision=revision, node=first(sent, "node"))


def _redo(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    revision = drafts.redo(workflow=workflow, base=base, by=actor_of(request))
    return Saved(revision=revision, node=first(sent, "node"))


def _go_back(
    request: TenantRequest, workflow: Workflow, base: DefinitionRevision, sent: State
) -> Saved:
    to = _revision(workflow, first(sent, "to"))
    revision = drafts.go_back(workflow=workflow, to=to, base=base, by=actor_of(request))
    return Saved(revision=revision)


CHANGES: dict[str, Callable[[TenantRequest, Workflow, DefinitionRevision, State], Saved]] = {
    "save": _save_node,
    "add": _add_node,
    "remove": _remove_node,
    "duplicate": _duplicate_node,
    "paste": _paste_node,
    "undo": _undo,
    "redo": _redo,
    "back": _go_back,
}


def _revision(workflow: Workflow, written: str) -> DefinitionRevision:
    try:
        wanted = UUID(written)
    except ValueError:
        raise Http404 from None
    rows = DefinitionRevision.objects.filter(workflow=workflow).select_related("workflow", "parent")
    found: DefinitionRevision = get_object_or_404(rows, pk=wanted)
    return found


def _with(asked: Asked, **more: Any) -> Asked:
    values = {name: getattr(asked, name) for name in Asked.__dataclass_fields__}
    return Asked(**(values | more))


def _done(request: TenantRequest, workflow: Workflow, saved: Saved) -> HttpResponse:
    """The address of the node to look at next: as a redirect, or with the pieces of the page that changed."""
    query = f"?{urlencode({'node': saved.node})}" if saved.node else ""
    address = reverse("workflows:edit", args=[workflow.slug]) + query
    if request.htmx:
        workflow, head = _draft(workflow.slug)
        response = _show(request, workflow, head, Asked(node=saved.node), saved=saved.revision)
        response["HX-Push-Url"] = address
        return response
    messages.success(request, f"The draft is revision {saved.revision.number}.")
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def _show_conflict(request: TenantRequest, workflow: Workflow, asked: Asked) -> HttpResponse:
    """The form as it was typed, and what the other person did, in words."""
    workflow, head = _draft(workflow.slug)
    assert asked.base is not None  # noqa: S101 - it is what the form began from
    conflict = {
        "told": list(changes.tell(before=asked.base.source, after=head.source)),
        "by": head.author_name or "Somebody",
        "theirs": head,
        "can_apply": first(asked.sent or {}, "do") == "save",
    }
    return _show(request, workflow, head, asked, status=CONFLICT, conflict=conflict)


def _show(
    request: TenantRequest,
    workflow: Workflow,
    head: DefinitionRevision,
    asked: Asked,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    shown = draft_page.context(workflow, head, asked) | more
    is_fragment = request.htmx and not request.htmx.history_restore_request
    template = f"{TEMPLATE}#pieces" if is_fragment else TEMPLATE
    response = render(request, template, shown | {"oob": is_fragment}, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response
