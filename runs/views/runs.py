"""The list of runs: one question in the URL, seen as text and as chips; pages by key; counts per state as links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from runs import filters, saved_views
from runs.filters import FIELDS, ORDERS
from runs.models import Run, RunStatus, SavedView
from runs.query import TEXT, Condition, Query
from runs.views.run_rows import rows_of
from tenancy import counts, paging
from tenancy.access import TenantRequest, actor_of, permission_required
from tenancy.permissions import Permission
from workflows.models import Workflow

USUAL = 30  # rows of a page
COUNTED_UP_TO = 1000
WORKFLOWS_TO_PICK = 50  # more are typed: a list of hundreds is slow to load and to read
VIEWS_TO_PICK = 12
OF_ROWS = (
    "status", "purpose", "forked_from", "parent_run", "error_node", "error_code", "created_at", "started_at",
    "finished_at", "nodes_done", "nodes_total", "cost_micros", "currency", "tokens_in", "tokens_out", "owner_label",
    "started_by_kind", "started_by_id", "workflow__title", "version__number",
)  # fmt: skip
PICKED = "pick-"  # what the form of filters sends: pick-status=failed, not-status=yes
SIGNS = {">=": "from", "<": "before", ">": "after", "<=": "up to", "": "on"}


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
    if not request.GET and (default := saved_views.find_default(request.membership)):
        return redirect(f"{request.path}?view={default}")
    view = _view_of(request)
    given = _given(request.GET)
    if view is not None and "q" not in request.GET:
        given["q"] = view.question
    question = filters.read(given)
    if picked := list(_picked(request.GET)):
        return redirect(request.path + href_of(question.plus(picked), request.GET))
    if run_id := _sought_run(question):
        return redirect("runs:run", run_id)
    if question.problems:
        return render(request, "runs/runs.html", _frame(request, question), status=400)
    rows = runs_asked_for(question, me=actor_of(request).id)
    order = ORDERS.get(request.GET.get("order", ""), ORDERS[""])
    limit = None if request.GET.get("limit") else USUAL
    page = paging.page(rows, request, order=order, limit=limit, keys_first=True)
    shown = _frame(request, question) | {
        "view": view,
        "page": page,
        "rows": rows_of(page.items),
        "newest": max((run.pk for run in page.items), default=None),
        "states": _states(request, question),
    }
    fragment = request.htmx and request.htmx.target == "rows"
    return render(request, "runs/runs.html#rows" if fragment else "runs/runs.html", shown)


@require_safe
@permission_required(Permission.RUN_VIEW)
def count_newer(request: TenantRequest) -> HttpResponse:
    """How many runs have come since the list was drawn: a link above it, so that rows do not jump."""
    question = filters.read(_given(request.GET))
    seen = filters.find_id(request.GET.get("seen", ""))
    count = 0
    if seen and not question.problems:
        rows = runs_asked_for(question, me=actor_of(request).id).filter(pk__gt=seen)
        count = rows.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
    shown = {
        "newer": count,
        "newest": seen,
        "counted_up_to": COUNTED_UP_TO,
        "href": href_of(question, request.GET),
        "here": href_of(question, request.GET),
    }
    return render(request, "runs/runs.html#newer", shown)


def runs_asked_for(question: Query, *, me: str) -> QuerySet[Run]:
    """With what a row tells. Child runs are hidden unless they are asked for: what started them is on the list."""
    runs = Run.objects.select_related("workflow", "version").only(*OF_ROWS)
    return filters.apply(runs, filters.as_listed(question), me=me)


def href_of(question: Query, given: Mapping[str, str] | None = None) -> str:
    """The address of the list under a question. `q` stays when it is empty: that asks for all runs."""
    kept = {name: (given or {}).get(name, "") for name in ("view", "order")}
    return (
        f"?{urlencode({'q': question.text} | {name: text for name, text in kept.items() if text})}"
    )


def _view_of(request: TenantRequest) -> SavedView | None:
    """The saved view that the address names. What is no longer shared, or was removed, is not found."""
    if not request.GET.get("view"):
        return None
    view_id = filters.find_id(request.GET["view"])
    view: SavedView = get_object_or_404(saved_views.visible_to(request.membership), pk=view_id)
    return view


def _given(given: QueryDict) -> dict[str, str]:
    return {name: value for name, value in given.items() if isinstance(value, str) and value}


def _picked(given: QueryDict) -> list[Condition]:
    """The parts that the form of filters adds."""
    parts = []
    for name, value in given.items():
        field = name.removeprefix(PICKED)
        if name == field or not isinstance(value, str) or not value.strip():
            continue
        if field in filters.SIDES:
            parts.append(Condition("started", (value.strip(),), operator=filters.SIDES[field]))
        elif field in FIELDS:
            excluded = given.get(f"not-{field}") == "yes"
            parts.append(Condition(field, (value.strip(),), excluded=excluded))
    return parts


def _sought_run(question: Query) -> UUID | None:
    """The run whose whole id was typed."""
    only = question.conditions[0] if len(question.conditions) == 1 else None
    run_id = filters.find_id(only.values[0]) if only and only.name == TEXT else None
    return run_id if run_id and Run.objects.filter(pk=run_id).exists() else None


def _frame(request: TenantRequest, question: Query) -> dict[str, Any]:
    """What stands around the rows."""
    given = request.GET
    known = Workflow.objects.order_by("title").only("slug", "title", "tenant")
    workflows = list(known[: WORKFLOWS_TO_PICK + 1])
    return {
        "question": question,
        "written": given.get("q", "") if question.problems else question.text,
        "chips": _chips(question, given),
        "fields": FIELDS,
        "views": saved_views.visible_to(request.membership)[:VIEWS_TO_PICK],
        "workflows": workflows if len(workflows) <= WORKFLOWS_TO_PICK else (),
        "asked": given,
        "here": href_of(question, given),
        "hides_children": not (question.has("children") or question.has("parent")),
        "with_children": href_of(question.plus([Condition("children", ("shown",))]), given),
    }


def _states(request: TenantRequest, question: Query) -> list[StateLink]:
    """A link for each state with the number of its runs under the other filters, counted so far and no further."""
    others = question.without("status")
    rows = runs_asked_for(others, me=actor_of(request).id).order_by()
    current = [
        value for each in question.of("status") if not each.excluded for value in each.values
    ]
    if filters.are_few(others):
        counted = dict(rows.values_list("status").annotate(Count("pk")))
    else:
        counted = counts.count_by(rows, "status", RunStatus.values, up_to=COUNTED_UP_TO + 1)
    return [
        StateLink(
            state=state,
            count=min(found, COUNTED_UP_TO),
            is_capped=found > COUNTED_UP_TO,
            href=href_of(others.plus([Condition("status", (state,))]), request.GET),
            is_current=state in current,
        )
        for state in RunStatus.values
        if (found := counted.get(state, 0)) or state in current
    ]


def _chips(question: Query, given: QueryDict) -> list[Chip]:
    return [
        Chip(words_of(each), href_of(question.less(each), given)) for each in question.conditions
    ]


def words_of(condition: Condition) -> str:
    """A part as people say it: “State is not failed or cancelled”."""
    if condition.name == TEXT:
        return f"Search: {condition.values[0]}"
    label = FIELDS[condition.name].label
    if condition.name == "started":
        return f"{label} {SIGNS[condition.operator]} {' or '.join(condition.values)}"
    relation = " is not " if condition.excluded else ": "
    if condition.name == "parent":
        return f"{label}{relation}…{condition.values[0][-8:]}"
    return f"{label}{relation}{' or '.join(condition.values).replace('_', ' ')}"
