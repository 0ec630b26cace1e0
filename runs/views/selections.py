"""Many runs at once: freeze what was chosen, show what would happen to each, confirm, show what did."""

import logging
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from runs import filters, selections
from runs.errors import SelectionInvalid
from runs.models import Deed, Selection
from runs.tasks import carry_out_selection
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.permissions import Permission

logger = logging.getLogger(__name__)

NEEDED = {Deed.CANCEL: Permission.RUN_CANCEL, Deed.RESUME: Permission.RUN_RESUME}


@require_POST
@permission_required(Permission.RUN_CANCEL)
def freeze_to_cancel(request: TenantRequest) -> HttpResponse:
    return _freeze(request, Deed.CANCEL)


@require_POST
@permission_required(Permission.RUN_RESUME)
def freeze_to_resume(request: TenantRequest) -> HttpResponse:
    return _freeze(request, Deed.RESUME)


@require_safe
@permission_required(Permission.RUN_VIEW)
def show_selection(request: TenantRequest, selection_id: UUID) -> HttpResponse:
    selection = get_object_or_404(Selection, pk=selection_id)
    lines = selections.lines_of(selection)
    by = actor_of(request)
    shown = {
        "selection": selection,
        "lines": lines,
        "affected": sum(1 for line in lines if line.would),
        "done": sum(1 for line in lines if line.result and line.result.is_done),
        "refused": sum(1 for line in lines if line.result and not line.result.is_done),
        "is_under_way": selection.confirmed_at is not None and selection.finished_at is None,
        "may_confirm": can(request, NEEDED[Deed(selection.deed)])
        and (selection.actor_kind, selection.actor_id) == (by.kind, by.id)
        and selection.confirmed_at is None
        and not selection.is_expired,
    }
    fragment = request.htmx and request.htmx.target == "lines"
    return render(request, f"runs/selection.html{'#lines' if fragment else ''}", shown)


@require_POST
@permission_required(Permission.RUN_CANCEL)
def confirm_cancel(request: TenantRequest, selection_id: UUID) -> HttpResponse:
    return _confirm(request, selection_id, Deed.CANCEL)


@require_POST
@permission_required(Permission.RUN_RESUME)
def confirm_resume(request: TenantRequest, selection_id: UUID) -> HttpResponse:
    return _confirm(request, selection_id, Deed.RESUME)


def carry_out_soon(selection_id: UUID) -> None:
    """Tell a worker when the transaction has committed. A hint: the chore finds what no message told of."""

    def tell() -> None:
        try:
            carry_out_selection.delay(str(selection_id))
        except Exception:  # whatever the broker does, the selection is on record
            logger.warning(
                "No message could be sent; a chore will find the selection", exc_info=True
            )

    transaction.on_commit(tell)


def _freeze(request: TenantRequest, deed: Deed) -> HttpResponse:
    by = actor_of(request)
    if request.POST.get("all"):
        chosen = selections.find(request.POST.get("q", ""), me=by.id)
    else:
        chosen = [_to_id(text) for text in request.POST.getlist("run")]
    if not chosen:
        messages.warning(request, "No run is chosen. Tick some, or all that match.")
        return redirect("runs:list")
    frozen = selections.freeze(deed=deed, run_ids=chosen, by=by)
    return redirect("runs:selection", frozen.pk)


def _confirm(request: TenantRequest, selection_id: UUID, deed: Deed) -> HttpResponse:
    selection = get_object_or_404(Selection, pk=selection_id, deed=deed)
    digest = request.POST.get("digest", "")
    if selections.confirm(selection=selection, digest=digest, by=actor_of(request)):
        carry_out_soon(selection.pk)
    return redirect("runs:selection", selection.pk)


def _to_id(text: str) -> UUID:
    found = filters.find_id(text)
    if found is None:
        raise SelectionInvalid(f"“{text[:40]}” is not the id of a run.")
    return found
