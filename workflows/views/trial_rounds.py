"""“Test all”: begin a round of tests, and look at how far it is and what each found."""

import logging
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenancy import access
from tenancy.access import TenantRequest, permission_required
from tenancy.permissions import Permission
from workflows.models import TrialRound
from workflows.providers import trial_rounds
from workflows.tasks import carry_out_trial

logger = logging.getLogger(__name__)


@require_POST
@permission_required(Permission.PROVIDER_EDIT)
def begin_round(request: TenantRequest) -> HttpResponse:
    """The form names the last round that its page knew: sent twice, it begins one."""
    newest = _to_id(request.POST.get("after", ""))
    begun = trial_rounds.begin(by=access.actor_of(request), looked=True, newest=newest)
    carry_out_soon(begun)
    return redirect("places:trial-round", begun.pk)


@require_safe
@permission_required(Permission.PROVIDER_VIEW)
def show_round(request: TenantRequest, round_id: UUID) -> HttpResponse:
    shown = {
        "progress": trial_rounds.progress_of(get_object_or_404(TrialRound, pk=round_id)),
        "may_edit": access.can(request, Permission.PROVIDER_EDIT),
    }
    fragment = request.htmx and request.htmx.target == "tests"
    return render(request, f"workflows/trial_round.html{'#tests' if fragment else ''}", shown)


def carry_out_soon(round_: TrialRound) -> None:
    """Hint at each call that waits, once the transaction has committed. The chore finds what no hint told of."""
    calls = trial_rounds.waiting(round_)

    def tell() -> None:
        try:
            for call_id in calls:
                carry_out_trial.delay(str(call_id))
        except Exception:  # whatever the broker does, the round is on record
            logger.warning("No message could be sent; a chore will find the tests", exc_info=True)

    transaction.on_commit(tell)


def _to_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
