"""The overview, and whether this process lives and is ready."""

from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connections
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from runs.models import Decision, Run, RunStatus
from tenancy.access import TenantRequest, permission_required, public
from tenancy.permissions import Permission

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
    of_month = Run.objects.filter(created_at__gte=since)
    shown = {
        "numbers": _numbers(week),
        "costs": _costs(since),
        "month": of_month.aggregate(runs=Count("id"), tokens=Sum("tokens_in") + Sum("tokens_out")),
        "denied": Decision.objects.filter(verdict="deny", at__gte=week).count(),
        "days": _days(today),
        "since_week": week.date().isoformat(),
        "recent": runs[:RECENT],
        "failed": runs.filter(status=RunStatus.FAILED)[:5],
    }
    return render(request, "grove_site/overview.html", shown)


def _numbers(week: Any) -> dict[str, int]:
    """Runs by what they ask of people, each counted on its own index."""
    by_status = Run.objects.order_by()
    return {
        "waiting": by_status.filter(status=RunStatus.WAITING).count(),
        "under_way": by_status.filter(status__in=(RunStatus.QUEUED, RunStatus.RUNNING)).count(),
        "failed": by_status.filter(status=RunStatus.FAILED).count(),
        "failed_this_week": by_status.filter(status=RunStatus.FAILED, created_at__gte=week).count(),
    }


def _costs(since: Any) -> list[dict[str, Any]]:
    """What runs cost, by currency: sums of different money are not one sum."""
    rows = Run.objects.filter(created_at__gte=since).order_by("currency").values("currency")
    return [dict(row) for row in rows.annotate(micros=Sum("cost_micros"))]


def _days(today: Any) -> list[dict[str, Any]]:
    """A bar for each of the last days, with the part that failed."""
    first = today - timedelta(days=DAYS - 1)
    rows = (
        Run.objects.filter(created_at__gte=first)
        .order_by()
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(all=Count("id"), failed=Count("id", filter=Q(status=RunStatus.FAILED)))
    )
    by_day = {row["day"]: row for row in rows}
    most = max((row["all"] for row in by_day.values()), default=0) or 1
    days = []
    for number in range(DAYS):
        day = (first + timedelta(days=number)).date()
        row = by_day.get(day, {"all": 0, "failed": 0})
        height = round(row["all"] / most * BAR_HEIGHT, 1)
        bad = round(row["failed"] / most * BAR_HEIGHT, 1)
        days.append(
            {"day": day, "all": row["all"], "failed": row["failed"], "x": number * BAR_SLOT}
            | {"y": BAR_HEIGHT - height, "height": height, "bad_y": BAR_HEIGHT - bad, "bad": bad}
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
