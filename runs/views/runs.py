"""The list of runs: filters in the URL, pages by key, counts per state that are links."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from runs.filters import filter_runs
from runs.models import Run, RunStatus
from tenancy import paging
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows.models import Workflow

COUNTED_UP_TO = 1000
WORKFLOWS_TO_PICK = 200
CHIPS = {"status": "State", "workflow": "Workflow", "owner": "Owner", "since": "Since",
         "until": "Until", "q": "Search", "parent": "Child runs of", "purpose": "Purpose",
         "children": "Child runs"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StateLink:
    state: str
    count: int
    is_capped: bool
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Chip:
    words: str
    href_without: str


@require_safe
@permission_required(Permission.RUN_VIEW)
def list_runs(request: TenantRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    if (run_id := _to_uuid(text)) and Run.objects.filter(pk=run_id).exists():
        return redirect("runs:run", run_id)
    rows = _search(
        Run.objects.select_related("workflow", "version").defer(
            "input_sealed", "output_sealed", "response_sealed"
        ),
        text,
    )
    shown: dict[str, Any] = {
        "page": paging.page(filter_runs(rows, _asked(request.GET)), request, keys_first=True),
        "states": _states(rows, request.GET),
        "chips": _chips(request.GET),
        "workflows": Workflow.objects.order_by("title")[:WORKFLOWS_TO_PICK],
        "asked": request.GET,
        "with_children": _query(request.GET, without=("children", "cursor"), children="shown"),
        "others": _query(request.GET, without=("cursor", "limit")),
    }
    fragment = request.htmx and request.htmx.target == "rows"
    return render(request, "runs/runs.html#rows" if fragment else "runs/runs.html", shown)


def _asked(given: QueryDict) -> dict[str, str]:
    """Child runs are hidden unless they are asked for: what started them is on the list."""
    asked = {name: value for name, value in given.items() if isinstance(value, str) and value}
    return {"children": "hidden"} | asked


def _search(rows: QuerySet[Run], text: str) -> QuerySet[Run]:
    """By workflow or owner label. What the text names is looked up first: each has an index, both together none."""
    if not text:
        return rows
    workflows = list(
        Workflow.objects.filter(Q(title__icontains=text) | Q(slug__icontains=text)).values_list(
            "pk", flat=True
        )[:WORKFLOWS_TO_PICK]
    )
    if not workflows:
        return rows.filter(owner_label=text)
    if not Run.objects.filter(owner_label=text).exists():
        return rows.filter(workflow_id__in=workflows)
    return rows.filter(Q(workflow_id__in=workflows) | Q(owner_label=text))


def _states(rows: QuerySet[Run], given: QueryDict) -> list[StateLink]:
    """A link for each state with the number of its runs under the other filters, counted so far and no further."""
    others = filter_runs(rows, {k: v for k, v in _asked(given).items() if k != "status"})
    current = given.get("status", "")
    links = []
    for state in RunStatus.values:
        found = others.filter(status=state).order_by().values("pk")[: COUNTED_UP_TO + 1].count()
        if found or state == current:
            links.append(
                StateLink(
                    state=state,
                    count=min(found, COUNTED_UP_TO),
                    is_capped=found > COUNTED_UP_TO,
                    href=_query(given, without=("status", "cursor"), status=state),
                    is_current=state == current,
                )
            )
    return links


def _chips(given: QueryDict) -> list[Chip]:
    return [
        Chip(_words(name, value), _query(given, without=(name, "cursor")))
        for name, value in given.items()
        if name in CHIPS and isinstance(value, str) and value
    ]


def _words(name: str, value: str) -> str:
    excluded = value.startswith("-")
    relation = " is not " if excluded else ": "
    shown = f"…{value[-8:]}" if name == "parent" else value.removeprefix("-").replace("_", " ")
    return f"{CHIPS[name]}{relation}{shown}"


def _query(given: QueryDict, *, without: tuple[str, ...], **more: str) -> str:
    query = given.copy()
    for name in [*without, *(name for name, value in given.items() if not value)]:
        query.pop(name, None)
    for name, value in more.items():
        query[name] = value
    return f"?{query.urlencode()}"


def _to_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
