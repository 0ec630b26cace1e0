"""What models cost: the table of prices with its dates, one price more, the end of one, and many from a file."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from tenancy import access, paging
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows import price_sheet, price_table
from workflows.models import Deployment
from workflows.price_forms import EndPriceForm, PriceForm, PriceSheetForm
from workflows.providers import register


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def list_prices(request: TenantRequest) -> HttpResponse:
    return _show(request)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def add_price(request: TenantRequest) -> HttpResponse:
    form = PriceForm(request.POST)
    if not form.is_valid():
        return _show(request, form=form, status=422)
    register.set_price(by=access.actor_of(request), **form.cleaned_data)
    return redirect("places:prices")


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def end_price(request: TenantRequest) -> HttpResponse:
    form = EndPriceForm(request.POST, prefix="end")
    if not form.is_valid():
        return _show(request, ending=form, status=422)
    register.end_price(by=access.actor_of(request), **form.cleaned_data)
    return redirect("places:prices")


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def import_prices(request: TenantRequest) -> HttpResponse:
    """Only checked, unless it is said that they are to be taken over; then all of them are, or none."""
    form = PriceSheetForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, importing=form, status=422)
    sheet = form.cleaned_data["sheet"]
    if form.cleaned_data["take"] and not sheet.faults:
        price_sheet.take(sheet=sheet, by=access.actor_of(request))
        messages.success(request, f"{len(sheet.rows)} prices were taken over.")
        return redirect("places:prices")
    again = PriceSheetForm(initial={"text": form.cleaned_data["text"]})
    return _show(request, importing=again, sheet=sheet, status=422 if sheet.faults else 200)


def _show(
    request: TenantRequest,
    *,
    form: PriceForm | None = None,
    ending: EndPriceForm | None = None,
    importing: PriceSheetForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    at, name = now(), request.GET.get("deployment", "")
    chosen = get_object_or_404(Deployment, name=name) if name else None
    page = paging.page(price_table.history(chosen), request, order=("-valid_from", "-id"))
    shown = {
        "standings": price_table.standings(at),
        "chosen": chosen,
        "page": page,
        "rows": [(price, price_table.state_of(price, at)) for price in page.items],
        **more,
    }
    if access.can(request, Permission.PROVIDER_EDIT):
        shown |= {
            "form": form or PriceForm(),
            "ending": ending or EndPriceForm(prefix="end"),
            "importing": importing or PriceSheetForm(),
        }
    return render(request, "workflows/prices.html", shown, status=status)
