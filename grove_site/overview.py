"""The overview answers four questions: what waits for a person, what fails, what is unusual, what does it cost.

Each panel asks a fixed number of statements, on an index, and counts no further than it shows.
"""

from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from compliance.models import Alert
from grove_site import notifications
from runs.models import Decision, Run, RunStatus, Wait
from runs.views.runs import COUNTED_UP_TO
from tenancy import prepared, verifications
from tenancy.access import TenantRequest, can, permission_required
from tenancy.models import RUNS, LedgerCheckpoint, QuotaUse, first_id
from tenancy.permissions import Permission
from tenancy.prepared import Prepared
from workflows import budget_use
from workflows.budget_use import UseState
from workflows.models import Budget, Workflow
from workflows.providers import health

DAYS = 14
BAR_SLOT, BAR_WIDTH, BAR_HEIGHT = 20, 14, 44
RECENT = 10
SHOWN = 5
BUDGETS_READ = 200
# What the page tells of a run and of a question to a person: they have many columns.
OF_RUNS = (
    "status", "created_at", "started_at", "finished_at", "nodes_done", "nodes_total", "cost_micros", "currency",
    "error_node", "error_code", "error_sentence", "workflow__title", "version__number",
)  # fmt: skip
OF_WAITS = ("approver", "node_id", "asked_at", "expires_at", "run__workflow__title")
Used = tuple[date, str, int]  # day, unit, how much
# Each is counted on its own index, and to one more than is shown.
IN_STATE: Prepared[Run] = Prepared(
    lambda state: Run.objects.filter(status=state).only("tenant").order_by()[: COUNTED_UP_TO + 1],
    state=str,
)
FAILED_SINCE: Prepared[Run] = Prepared(
    lambda first: (
        Run.objects.filter(status=RunStatus.FAILED, id__gte=first)
        .only("tenant")
        .order_by()[: COUNTED_UP_TO + 1]
    ),
    first=UUID,
)
DENIED_SINCE: Prepared[Decision] = Prepared(
    lambda first: (
        Decision.objects.filter(verdict="deny", id__gte=first)
        .only("tenant")
        .order_by()[: COUNTED_UP_TO + 1]
    ),
    first=UUID,
)


@require_safe
@permission_required(Permission.RUN_VIEW)
def overview(request: TenantRequest) -> HttpResponse:
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    since, week = today - timedelta(days=29), today - timedelta(days=6)
    runs = Run.objects.select_related("workflow", "version").only(*OF_RUNS)
    used, alert_count = _used(since), notifications.all_alerts(request)
    shown = {
        "numbers": _numbers(week),
        "counted_up_to": COUNTED_UP_TO,
        "costs": _costs(used),
        "runs_of_month": sum(_by_day(used).values()),
        "days": _days(today, _by_day(used)),
        "since_week": week.date().isoformat(),
        "recent": runs[:RECENT],
        "failed": runs.filter(status=RunStatus.FAILED)[:5],
        "failing": _failing(week),
        "approvals": _approvals(request),
        "approval_count": notifications.approvals_for(request),
        "alerts": Alert.objects.waiting().order_by("-id")[:SHOWN] if alert_count else (),
        "alert_count": alert_count,
        "budgets": _budgets_near_their_end(),
        "checkpoint": LedgerCheckpoint.objects.order_by("-size").first(),
        "verified": verifications.find_last() if can(request, Permission.LEDGER_VIEW) else None,
        "ill": health.ill_now() if can(request, Permission.PROVIDER_VIEW) else (),
    }
    return render(request, "grove_site/overview.html", shown)


def _approvals(request: TenantRequest) -> list[Wait]:
    """What waits for the role of whoever asks; the soonest to expire is the oldest."""
    if request.membership is None or not notifications.approvals_for(request):
        return []
    rows = Wait.objects.for_role(request.membership.role).select_related("run__workflow")
    return list(rows.only(*OF_WAITS).order_by("id")[:SHOWN])


def _failing(week: Any) -> list[dict[str, Any]]:
    """Workflows by how many of their runs failed this week, among the newest thousand failures."""
    newest = Run.objects.filter(status=RunStatus.FAILED, id__gte=first_id(week)).order_by("-id")
    ids = Counter(newest.values_list("workflow_id", flat=True)[:COUNTED_UP_TO]).most_common(SHOWN)
    workflows = Workflow.objects.only("tenant", "slug", "title").in_bulk([pk for pk, _ in ids])
    return [{"workflow": workflows[pk], "failures": count} for pk, count in ids]


def _budgets_near_their_end() -> list[budget_use.Use]:
    found = Budget.objects.filter(enabled=True).order_by("name")[:BUDGETS_READ]
    uses = budget_use.uses(list(found))
    pressing = [use for use in uses if use.state in (UseState.NEAR, UseState.USED_UP)]
    return sorted(pressing, key=lambda use: -use.percent)[:SHOWN]


def _numbers(week: Any) -> dict[str, int]:
    """What asks for people, and what was denied."""
    since = {"first": first_id(week)}
    states = (RunStatus.WAITING, RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.FAILED)
    found = prepared.count_all(
        {state.value: (IN_STATE, {"state": state.value}) for state in states}
        | {"failed_this_week": (FAILED_SINCE, since), "denied": (DENIED_SINCE, since)}
    )
    return found | {"under_way": found[RunStatus.QUEUED] + found[RunStatus.RUNNING]}


def _used(since: Any) -> list[Used]:
    """What was used on each day: a few hundred rows of hours, however many runs there are."""
    hours = QuotaUse.objects.filter(hour__gte=since).order_by().annotate(day=TruncDate("hour"))
    return list(hours.values_list("day", "unit").annotate(Sum("used")))


def _costs(used: list[Used]) -> list[dict[str, Any]]:
    """What runs, tests and probes cost, by currency: sums of different money are not one sum."""
    micros: Counter[str] = Counter()
    for _, unit, amount in used:
        if unit != RUNS:
            micros[unit] += amount
    return [{"currency": unit, "micros": micros[unit]} for unit in sorted(micros)]


def _by_day(used: list[Used]) -> dict[date, int]:
    """How many runs were started."""
    return {day: amount for day, unit, amount in used if unit == RUNS}


def _days(today: Any, started: dict[date, int]) -> list[dict[str, Any]]:
    """A bar for each of the last days, with the part that failed."""
    first = today - timedelta(days=DAYS - 1)
    failures = Run.objects.order_by().filter(status=RunStatus.FAILED, id__gte=first_id(first))
    failed_at = failures.annotate(day=TruncDate("created_at")).values("day")
    failed = dict(failed_at.annotate(n=Count("id")).values_list("day", "n"))
    shown = [(first + timedelta(days=number)).date() for number in range(DAYS)]
    most = max(1, *(max(started.get(day, 0), failed.get(day, 0)) for day in shown))
    days = []
    for number, day in enumerate(shown):
        bad = failed.get(day, 0)
        total = max(started.get(day, 0), bad)  # child runs fail, too, and nobody started them
        height, bad_height = (round(n / most * BAR_HEIGHT, 1) for n in (total, bad))
        days.append(
            {"day": day, "all": total, "failed": bad, "x": number * BAR_SLOT}
            | {"y": BAR_HEIGHT - height, "height": height}
            | {"bad_y": BAR_HEIGHT - bad_height, "bad": bad_height}
        )
    return days
