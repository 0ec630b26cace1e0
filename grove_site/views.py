"""The overview, and whether this process lives and is ready."""

from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connections
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from runs.models import Decision, Run, RunStatus
from runs.views.runs import COUNTED_UP_TO
from tenancy.access import TenantRequest, can, permission_required, public
from tenancy.models import RUNS, QuotaUse, first_id
from tenancy.permissions import Permission
from workflows.providers import health

DAYS = 14
BAR_SLOT, BAR_WIDTH, BAR_HEIGHT = 20, 14, 44
RECENT = 10


@require_safe
@permission_required(Permission.RUN_VIEW)
def overview(request: TenantRequest) -> HttpResponse:
    """Four questions: what waits, what fails, what is going on, what does it cost."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    since, week = today - timedelta(days=29), today - timedelta(days=6)
    runs = Run.objects.select_related("workflow", "version").defer("input_sealed", "output_sealed")
    shown = {
        "numbers": _numbers(week),
        "counted_up_to": COUNTED_UP_TO,
        "costs": _costs(since),
        "runs_of_month": _used(since).filter(unit=RUNS).aggregate(n=Sum("used"))["n"] or 0,
        "denied": Decision.objects.filter(verdict="deny", id__gte=first_id(week)).count(),
        "days": _days(today),
        "since_week": week.date().isoformat(),
        "recent": runs[:RECENT],
        "failed": runs.filter(status=RunStatus.FAILED)[:5],
        "ill": health.ill_now() if can(request, Permission.PROVIDER_VIEW) else (),
    }
    return render(request, "grove_site/overview.html", shown)


def _numbers(week: Any) -> dict[str, int]:
    """Runs by what they ask of people, each counted on its own index, and to one more than is shown."""
    failed = Run.objects.filter(status=RunStatus.FAILED)
    asked = {
        "waiting": Run.objects.filter(status=RunStatus.WAITING),
        "under_way": Run.objects.filter(status__in=(RunStatus.QUEUED, RunStatus.RUNNING)),
        "failed": failed,
        "failed_this_week": failed.filter(id__gte=first_id(week)),
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


@public
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok", content_type="text/plain")


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """This process can work: both databases answer."""
    try:
        for alias in connections:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("a database does not answer", status=503, content_type="text/plain")
    return HttpResponse("ok", content_type="text/plain")
