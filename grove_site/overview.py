"""The overview answers four questions: what waits for a person, what fails, what is unusual, what does it cost.

Each panel asks a fixed number of statements, on an index, and counts no further than it shows.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from compliance import alerts
from compliance.models import Alert
from runs.models import Decision, Run, RunStatus, Wait
from runs.views.runs import COUNTED_UP_TO
from runs.views.waiting import approvals_for
from tenancy import verifications
from tenancy.access import TenantRequest, can, permission_required
from tenancy.models import RUNS, LedgerCheckpoint, QuotaUse, first_id
from tenancy.permissions import Permission
from workflows import budget_use
from workflows.budget_use import UseState
from workflows.models import Budget, Workflow
from workflows.providers import health

DAYS = 14
BAR_SLOT, BAR_WIDTH, BAR_HEIGHT = 20, 14, 44
RECENT = 10
SHOWN = 5
BUDGETS_READ = 200


@require_safe
@permission_required(Permission.RUN_VIEW)
def overview(request: TenantRequest) -> HttpResponse:
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    since, week = today - timedelta(days=29), today - timedelta(days=6)
    runs = Run.objects.select_related("workflow", "version").defer("input_sealed", "output_sealed")
    shown = {
        "numbers": _numbers(week),
        "counted_up_to": COUNTED_UP_TO,
        "costs": _costs(since),
        "runs_of_month": _used(since).filter(unit=RUNS).aggregate(n=Sum("used"))["n"] or 0,
        "days": _days(today),
        "since_week": week.date().isoformat(),
        "recent": runs[:RECENT],
        "failed": runs.filter(status=RunStatus.FAILED)[:5],
        "failing": _failing(week),
        "approvals": _approvals(request),
        "approval_count": approvals_for(request),
        "alerts": Alert.objects.waiting().order_by("-id")[:SHOWN],
        "alert_count": alerts.count_waiting(),
        "budgets": _budgets_near_their_end(),
        "checkpoint": LedgerCheckpoint.objects.order_by("-size").first(),
        "verified": verifications.find_last() if can(request, Permission.LEDGER_VIEW) else None,
        "ill": health.ill_now() if can(request, Permission.PROVIDER_VIEW) else (),
    }
    return render(request, "grove_site/overview.html", shown)


def _approvals(request: TenantRequest) -> list[Wait]:
    """What waits for the role of whoever asks; the soonest to expire is the oldest."""
    if request.membership is None:
        return []
    rows = Wait.objects.for_role(request.membership.role).select_related("run__workflow")
    return list(rows.defer("question_sealed", "answer_sealed").order_by("id")[:SHOWN])


def _failing(week: Any) -> list[dict[str, Any]]:
    """Workflows by how many of their runs failed this week, among the newest thousand failures."""
    newest = Run.objects.filter(status=RunStatus.FAILED, id__gte=first_id(week)).order_by("-id")
    ids = Counter(newest.values_list("workflow_id", flat=True)[:COUNTED_UP_TO]).most_common(SHOWN)
    workflows = Workflow.objects.in_bulk([pk for pk, _ in ids])
    return [{"workflow": workflows[pk], "failures": count} for pk, count in ids]


def _budgets_near_their_end() -> list[budget_use.Use]:
    found = Budget.objects.filter(enabled=True).order_by("name")[:BUDGETS_READ]
    uses = budget_use.uses(list(found))
    pressing = [use for use in uses if use.state in (UseState.NEAR, UseState.USED_UP)]
    return sorted(pressing, key=lambda use: -use.percent)[:SHOWN]


def _numbers(week: Any) -> dict[str, int]:
    """What asks for people, and what was denied: each counted on its own index, and to one more than is shown."""
    failed = Run.objects.filter(status=RunStatus.FAILED)
    asked = {
        "waiting": Run.objects.filter(status=RunStatus.WAITING),
        "under_way": Run.objects.filter(status__in=(RunStatus.QUEUED, RunStatus.RUNNING)),
        "failed": failed,
        "failed_this_week": failed.filter(id__gte=first_id(week)),
        "denied": Decision.objects.filter(verdict="deny", id__gte=first_id(week)),
    }
    return {
        name: rows.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
        for name, rows in asked.items()
    }


def _used(since: Any) -> QuerySet[QuotaUse]:
    """What was used by the hour: a few hundred rows, however many runs there are."""
    return QuotaUse.objects.filter(hour__gte=since).order_by()


def _costs(since: Any) -> list[dict[str, Any]]:
    """What runs cost, by currency: sums of different money are not one sum."""
    rows = _used(since).exclude(unit=RUNS).order_by("unit").values("unit")
    return [
        {"currency": row["unit"], "micros": row["micros"]}
        for row in rows.annotate(micros=Sum("used"))
    ]


def _days(today: Any) -> list[dict[str, Any]]:
    """A bar for each of the last days, with the part that failed."""
    first = today - timedelta(days=DAYS - 1)
    hours = _used(first).filter(unit=RUNS).annotate(day=TruncDate("hour")).values("day")
    failures = Run.objects.order_by().filter(status=RunStatus.FAILED, id__gte=first_id(first))
    failed_at = failures.annotate(day=TruncDate("created_at")).values("day")
    started = dict(hours.annotate(n=Sum("used")).values_list("day", "n"))
    failed = dict(failed_at.annotate(n=Count("id")).values_list("day", "n"))
    most = max((1, *started.values(), *failed.values()))
    days = []
    for number in range(DAYS):
        day = (first + timedelta(days=number)).date()
        bad = failed.get(day, 0)
        total = max(started.get(day, 0), bad)  # child runs fail, too, and nobody started them
        height, bad_height = (round(n / most * BAR_HEIGHT, 1) for n in (total, bad))
        days.append(
            {"day": day, "all": total, "failed": bad, "x": number * BAR_SLOT}
            | {"y": BAR_HEIGHT - height, "height": height}
            | {"bad_y": BAR_HEIGHT - bad_height, "bad": bad_height}
        )
    return days
