"""“Test”: a person tries a deployment with one call that says next to nothing, and sees what came of it.

A model call needs the permit of a recorded decision. Here the decision is the person's own: their permission to change
providers was checked, and the ledger entry `provider.tested` is committed before anything leaves. The permit names
that entry in place of a policy's decision. No workflow takes part and nobody's data goes along: the words that are
sent stand here. It is no part of any run: its cost stands in a row of its own, and the tenant's budgets count it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import first_id, new_id
from tenancy.money import to_amount
from tenancy.secret_uses import Purpose, SecretUse, used_for
from workflows import budgets, departures
from workflows.errors import ProviderInvalid
from workflows.models import Deployment, Price, Provider, TrialCall, TrialPurpose, TrialStatus
from workflows.permits import Permit
from workflows.providers import gateway, prices, routes, trial_budgets
from workflows.providers.clients import Deadline
from workflows.providers.contract import ModelRequest, ModelResponse, Target
from workflows.providers.errors import PriceUnknown, ProviderError
from workflows.providers.prices import Money
from workflows.providers.trial_budgets import Reservation, Unaffordable

SECONDS = 20.0
DAY = timedelta(days=1)
LOST_AFTER = timedelta(minutes=2)  # nobody waits for an answer that long
MOST_TOKENS = 16  # some models refuse to be given fewer
ASKED = ({"role": "user", "content": "Answer with the word ok."},)
EVENTS = {
    TrialPurpose.TEST: EventType.PROVIDER_TESTED,
    TrialPurpose.PROBE: EventType.PROVIDER_PROBED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of it. `kind` is that of the failure, or empty; `sentence` says it to a person."""

    deployment: str
    passed: bool
    kind: str
    sentence: str
    seconds: float
    first_token_seconds: float | None = None
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Money | None = None
    was_sent: bool = True  # False: nobody was there, so nothing left
    was_made: bool = True  # False: a budget had no room for it

    @property
    def in_words(self) -> str:
        """All of it for a person: what came of it, and what it took."""
        if not self.was_made:
            return f"Test not made: {self.sentence}"
        if not self.passed:
            return f"Test failed: {self.sentence}"
        cost = _in_words(self.cost) if self.cost else "unknown"
        return (
            f"Test passed: {self.sentence} {self.tokens_in} tokens went in and {self.tokens_out} came out; "
            f"cost: {cost}."
        )


def run(
    *,
    deployment: Deployment,
    by: Actor,
    credentials: str | None = None,
    purpose: TrialPurpose = TrialPurpose.TEST,
) -> Trial:
    """Make one minimal call, also to what is switched off. Never raises for what the provider does.

    Not inside a transaction: the entry must stand before the call leaves. A second entry says what came of it.
    """
    call = TrialCall(deployment=deployment, purpose=purpose)
    trial = make(call=call, by=by, credentials=credentials)
    assert trial is not None  # noqa: S101 - nobody else knows of this call
    return trial


def make(*, call: TrialCall, by: Actor, credentials: str | None = None) -> Trial | None:
    """Make a call that is on record as waiting, or one that is not on record yet. None where somebody else makes it."""
    target = routes.to_target(call.deployment)
    request = ModelRequest(
        messages=ASKED,
        max_tokens=MOST_TOKENS,
        timeout_seconds=min(SECONDS, target.deployment_timeout_seconds),
    )
    try:
        reserved = _begin(call, target, request, by)
    except Unaffordable as why:
        return _not_made(call, target, why)
    if reserved is None:
        return None
    assert call.entry_id is not None  # noqa: S101 - it was written just now
    permit = Permit(decision_id=call.entry_id, call_id=new_id())
    trial = _call(target, request, permit, reserved.price, credentials)
    _end(call, trial, by)
    return trial


def of_provider(*, provider: Provider, by: Actor) -> Trial:
    """Try the first of its deployments that is enabled, or else the first. Raises ProviderInvalid without one."""
    deployment = (
        Deployment.objects.select_related("provider")
        .filter(provider=provider)
        .order_by("-enabled", "name")
        .first()
    )
    if deployment is None:
        raise ProviderInvalid(f"“{provider.name}” has no deployment to test. Add one first.")
    return run(deployment=deployment, by=by)


def last_of(deployments: Iterable[Deployment]) -> Mapping[UUID, TrialCall]:
    """The last test or probe of each that ended within 24 hours, in one query."""
    ended = TrialCall.objects.filter(
        deployment__in=deployments, id__gte=first_id(now() - DAY), finished_at__isnull=False
    )
    newest = ended.order_by("deployment_id", "-id").distinct("deployment_id")
    return {call.deployment_id: call for call in newest}


def settle_lost() -> int:
    """What nobody answers any more, for whoever made it is gone: what was reserved counts. Gives how many."""
    lost = TrialCall.objects.filter(status=TrialStatus.RUNNING, started_at__lt=now() - LOST_AFTER)
    return sum(1 for call in lost if _settle_lost(call))


# -- the record of it -------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def _begin(call: TrialCall, target: Target, request: ModelRequest, by: Actor) -> Reservation | None:
    """Reserve, and write down that it leaves. None where somebody else did. Raises Unaffordable."""
    if call.status and not TrialCall.objects.select_for_update().filter(
        pk=call.pk, status=TrialStatus.WAITING
    ):
        return None
    reserved = trial_budgets.reserve(target, request, look_first=call.purpose == TrialPurpose.PROBE)
    entry = ledger.append(
        EVENTS[TrialPurpose(call.purpose)],
        subject=call.deployment,
        by=by,
        name=call.deployment.name,
        provider=target.provider,
        model=target.model,
        region=target.region,
        egress=str(target.egress),
    )
    call.status, call.started_at, call.entry_id = TrialStatus.RUNNING, now(), entry.pk
    call.budgets, call.currency = list(reserved.budgets), reserved.currency
    call.reserved_micros, call.reserved_tokens = reserved.micros, reserved.tokens
    call.save()
    return reserved


@transaction.atomic
def _end(call: TrialCall, trial: Trial, by: Actor) -> None:
    kind = departures.to_recorded(trial.kind, was_sent=trial.was_sent)
    ledger.append(
        EventType.PROVIDER_TEST_ENDED,
        subject=Subject(kind="test", id=str(call.entry_id)),
        by=by,
        name=trial.deployment,
        passed=trial.passed,
        kind=kind,
        model=trial.model,
    )
    _settle(
        call,
        status=TrialStatus.PASSED if trial.passed else TrialStatus.FAILED,
        model_answered=trial.model,
        tokens_in=trial.tokens_in,
        tokens_out=trial.tokens_out,
        cost_micros=trial.cost.micros if trial.cost else 0,
        error_kind=kind,
        sentence=trial.sentence,
    )


@transaction.atomic
def _settle_lost(call: TrialCall) -> bool:
    return _settle(
        call,
        status=TrialStatus.LOST,
        tokens_in=call.reserved_tokens,
        cost_micros=call.reserved_micros,
        sentence="Its worker was lost: whether it arrived is not known, so what was reserved for it counts.",
    )


def _settle(call: TrialCall, **columns: object) -> bool:
    """Once: what was used is counted, what was reserved is given back. An answer after that changes nothing."""
    running = TrialCall.objects.filter(pk=call.pk, status=TrialStatus.RUNNING)
    if running.update(finished_at=now(), **columns) != 1:
        return False
    call.refresh_from_db()
    if call.budgets:
        budgets.settle(
            call.budgets,
            reserved_micros=call.reserved_micros,
            spent_micros=call.cost_micros,
            reserved_tokens=call.reserved_tokens,
            spent_tokens=call.tokens_in + call.tokens_out,
        )
    return True


def _not_made(call: TrialCall, target: Target, why: Unaffordable) -> Trial:
    """Nothing leaves. One that was on record as waiting says so; of the others there is nothing to keep."""
    waiting = TrialCall.objects.filter(pk=call.pk, status=TrialStatus.WAITING)
    waiting.update(
        status=TrialStatus.NOT_MADE, finished_at=now(), error_kind=why.code, sentence=why.sentence
    )
    return Trial(
        deployment=target.name,
        passed=False,
        kind=why.code,
        sentence=why.sentence,
        seconds=0.0,
        was_sent=False,
        was_made=False,
    )


# -- the call ---------------------------------------------------------------------------------------------------------


def _call(
    target: Target,
    request: ModelRequest,
    permit: Permit,
    price: Price | None,
    credentials: str | None,
) -> Trial:
    clock = Deadline(SECONDS)
    try:
        with used_for(SecretUse(purpose=Purpose.TEST, provider=target.provider)):
            response = gateway.complete(target, request, permit=permit, credentials=credentials)
    except ProviderError as error:
        return Trial(
            deployment=target.name,
            passed=False,
            kind=str(error.kind),
            sentence=error.sentence,
            seconds=clock.passed(),
            was_sent=error.was_sent,
        )
    return Trial(
        deployment=target.name,
        passed=True,
        kind="",
        sentence=_told(response, clock.passed()),
        seconds=clock.passed(),
        first_token_seconds=response.first_token_seconds,
        model=response.model,
        tokens_in=response.tokens_in,
        tokens_out=response.tokens_out,
        cost=_cost(price, response),
    )


def _in_words(money: Money) -> str:
    return f"{to_amount(money.micros)} {money.currency}"


def _cost(price: Price | None, response: ModelResponse) -> Money | None:
    if price is None:
        return None
    try:
        return prices.cost_at(price, tokens_in=response.tokens_in, tokens_out=response.tokens_out)
    except PriceUnknown:  # it ended
        return None


def _told(response: ModelResponse, seconds: float) -> str:
    first = response.first_token_seconds
    began = f", first token after {first * 1000:,.0f} ms" if first is not None else ""
    return f"“{response.model}” answered after {seconds * 1000:,.0f} ms{began}."
