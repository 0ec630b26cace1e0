"""What calls cost: a table with the question in its address, and the same as a file."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runs import costs
from runs.cost_forms import CostsForm
from runs.costs import Asked, Line, Report
from tenancy import spreadsheets
from tenancy.access import TenantRequest, permission_required
from tenancy.money import to_amount
from tenancy.permissions import Permission

MOST_IN_A_FILE = 10_000
COLUMNS = ("name", "calls", "failed", "tokens_in", "tokens_out", "cost", "currency")


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_costs(request: TenantRequest) -> HttpResponse:
    form = CostsForm(request.GET)
    if not form.is_valid():
        shown: dict[str, Any] = {"form": form, "groups": costs.GROUPS}
        return render(request, "runs/costs.html", shown, status=422)
    asked: Asked = form.cleaned_data["asked"]
    told = costs.report(asked)
    shown = {
        "form": CostsForm(_query(asked)),
        "asked": asked,
        "report": told,
        "group": costs.GROUPS[asked.by],
        "rows": _rows(told),
        "file": f"{reverse('costs:export')}?{urlencode(_query(asked))}",
    }
    return render(request, "runs/costs.html", shown)


@require_safe
@permission_required(Permission.RUN_VIEW)
def export_costs(request: TenantRequest) -> HttpResponse:
    """The same lines as comma-separated values (RFC 4180), up to 10,000 of them."""
    form = CostsForm(request.GET)
    if not form.is_valid():
        return render(request, "runs/costs.html", {"form": form}, status=422)
    asked: Asked = replace(form.cleaned_data["asked"], most=MOST_IN_A_FILE)
    told = costs.report(asked)
    name = f"costs-{asked.since}-{asked.until}-by-{asked.by}.csv"
    lines = (_cells(line) for line in (*told.lines, *told.others, *told.outside))
    return HttpResponse(
        spreadsheets.to_csv((asked.by, *COLUMNS[1:]), lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _cells(line: Line) -> tuple[object, ...]:
    cost = to_amount(line.cost_micros)
    return line.name, line.calls, line.failed, line.tokens_in, line.tokens_out, cost, line.currency


def _query(asked: Asked) -> dict[str, str]:
    query = {"since": asked.since.isoformat(), "until": asked.until.isoformat(), "by": asked.by}
    return query | ({"workflow": asked.workflow.slug} if asked.workflow else {})


def _rows(told: Report) -> list[dict[str, Any]]:
    """Each line with where it leads and its share of what its currency comes to, in percent."""
    totals = {line.currency: line.cost_micros for line in told.totals}
    return [
        {
            "line": line,
            "href": _href(told.asked, line),
            "share": 100 * line.cost_micros // totals[line.currency]
            if totals[line.currency]
            else 0,
        }
        for line in told.lines
    ]


def _href(asked: Asked, line: Line) -> str:
    if asked.by == "run":
        return reverse("runs:run", args=[line.key])
    if asked.by == "workflow":
        return "?" + urlencode(_query(asked) | {"by": "node", "workflow": line.key})
    if asked.by == "day":
        day = {"since": line.key, "until": line.key}
        return "?" + urlencode(_query(asked) | day | {"by": "workflow"})
    return ""
