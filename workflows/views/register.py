"""The register of all that is in use, and the records of processing: as pages, CSV and markdown, as of any day."""

from collections.abc import Sequence
from datetime import date, datetime

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from compliance.labels import DataClass
from tenancy import parts, spreadsheets
from tenancy.access import TenantRequest, can, permission_required
from tenancy.permissions import Permission
from workflows import document, inventory, processing
from workflows.document_dates import read_day
from workflows.inventory import FILTERS, Entry, Kind
from workflows.risk import Tier
from workflows.views.documentation import below_the_title

CSV_HEADS = (
    "kind", "name", "title", "state", "version", "data_class", "owner", "tier", "why", "uses", "used_by", "place",
    "papers", "last_run_at", "idle", "sign_off",
)  # fmt: skip


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_register(request: TenantRequest) -> HttpResponse:
    """Everything that fits the filters of the address."""
    day, entries = _entries(request)
    shown = {
        "part": parts.part_of(entries, request),
        "day": day,
        "asked": {name: request.GET.get(name, "") for name in FILTERS},
        "query": _filters_of(request),
        "kinds": [(kind.value, kind.value.replace("_", " ")) for kind in Kind],
        "classes": [level.word for level in DataClass],
        "tiers": [tier.value for tier in Tier],
        "asks_for_agents": request.GET.get("kind") == Kind.AGENT,
    }
    return render(request, "workflows/register.html", shown)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def download_register(request: TenantRequest) -> HttpResponse:
    day, entries = _entries(request)
    return _csv(
        f"register-{day or _today()}.csv",
        spreadsheets.to_csv(CSV_HEADS, (_to_row(entry) for entry in entries)),
    )


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def list_processing(request: TenantRequest) -> HttpResponse:
    """The record of every workflow in use, in short."""
    day, at = _day(request)
    shown = {
        "part": parts.part_of(processing.find_all(at), request),
        "day": day,
        "disclaimer": processing.DISCLAIMER,
    }
    return render(request, "workflows/processing.html", shown)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def download_processing(request: TenantRequest) -> HttpResponse:
    day, at = _day(request)
    rows = (processing.to_row(record) for record in processing.find_all(at))
    return _csv(
        f"records-of-processing-{day or _today()}.csv",
        spreadsheets.to_csv(processing.CSV_HEADS, rows),
    )


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_processing(request: TenantRequest, slug: str) -> HttpResponse:
    day, record = _record(request, slug)
    shown = {
        "record": record,
        "day": day,
        "document": below_the_title(document.to_html(processing.to_markdown(record))),
    }
    return render(request, "workflows/processing_record.html", shown)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def download_record(request: TenantRequest, slug: str) -> HttpResponse:
    day, record = _record(request, slug)
    name = f"record-of-processing-{slug}-{day or _today()}.md"
    return HttpResponse(
        processing.to_markdown(record),
        content_type="text/markdown; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _entries(request: TenantRequest) -> tuple[date | None, Sequence[Entry]]:
    day, at = _day(request)
    names = inventory.secret_names(at) if can(request, Permission.SECRET_VIEW) else ()
    found = inventory.find(at, is_now=day is None, secrets=names)
    return day, inventory.narrow(found, {name: request.GET.get(name, "") for name in FILTERS})


def _filters_of(request: TenantRequest) -> str:
    query = request.GET.copy()
    query.pop("part", None)
    return query.urlencode()


def _record(request: TenantRequest, slug: str) -> tuple[date | None, processing.Record]:
    day, at = _day(request)
    record = processing.find(slug, at)
    if record is None:
        raise Http404
    return day, record


def _day(request: TenantRequest) -> tuple[date | None, datetime]:
    day, at = read_day(request.GET.get("as_of", ""))
    return day, at or now()


def _today() -> date:
    return now().date()


def _to_row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.kind.value,
        entry.name,
        entry.title,
        entry.state,
        entry.version,
        entry.data_class,
        entry.owner,
        entry.risk.tier.value if entry.risk else "",
        entry.risk.reasons if entry.risk else (),
        entry.uses,
        entry.used_by,
        entry.place,
        entry.papers,
        entry.last_run_at.isoformat() if entry.last_run_at else "",
        entry.idle,
        entry.sign_off,
    )


def _csv(name: str, text: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
