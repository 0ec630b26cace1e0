"""What left the house between two days, for people: an answer, the totals by place, and the rows."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from compliance.labels import DataClass
from runs import egress, egress_files, egress_questions
from runs.errors import EgressQuestionInvalid
from tenancy import paging
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows.models import Destination, Provider, StorageProfile

TAGS = ("PII", "PHI", "PCI", "SECRET")


@require_safe
@permission_required(Permission.DECISION_VIEW)
def show_egress(request: TenantRequest) -> HttpResponse:
    shown: dict[str, Any] = {
        "asked": request.GET,
        "places": _places(),
        "tags": TAGS,
        "classes": [level.word for level in DataClass],
    }
    try:
        question = egress_questions.read(request.GET)
        shown |= {"question": question, "answer": egress.answer(question)}
    except EgressQuestionInvalid as error:
        return render(request, "runs/egress.html", shown | {"wrong": error.sentence}, status=422)
    limit = paging.limit_of(request)
    key = paging.key_of(request)
    found = egress.rows(question, after=paging.to_id(key), limit=limit + 1)
    shown["rows"] = found[:limit]
    if len(found) > limit:
        shown["next_cursor"] = paging.cursor_behind([str(found[limit - 1].id)], request)
    return render(request, "runs/egress.html", shown)


@require_safe
@permission_required(Permission.DECISION_VIEW)
def download_egress(request: TenantRequest) -> HttpResponseBase:
    return egress_files.table(egress_questions.read(request.GET))


@require_POST
@permission_required(Permission.DECISION_VIEW)
def report_egress(request: TenantRequest) -> HttpResponseBase:
    return egress_files.bundle(request, egress_questions.read(request.POST))


def _places() -> list[str]:
    """The names that calls may have gone to, as far as they are declared now."""
    names: set[str] = set()
    for model in (Provider, Destination, StorageProfile):
        names.update(model.objects.values_list("name", flat=True))
    return sorted(names)
