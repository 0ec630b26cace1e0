"""“Test”: a person tries a deployment with one call that says next to nothing, and sees what came of it.

A model call needs the permit of a recorded decision. Here the decision is the person's own: their permission to change
providers was checked, and the ledger entry `provider.tested` is committed before anything leaves. The permit names
that entry in place of a policy's decision. No workflow takes part and nobody's data goes along: the words that are
sent stand here. The call may cost what its few tokens cost; it is no part of any run, so no budget counts it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import new_id
from tenancy.money import to_amount
from tenancy.secret_uses import Purpose, SecretUse, used_for
from workflows.errors import ProviderInvalid
from workflows.models import Deployment, Price, Provider
from workflows.permits import Permit
from workflows.providers import gateway, prices, routes
from workflows.providers.clients import Deadline
from workflows.providers.contract import ModelRequest, ModelResponse, Target
from workflows.providers.errors import PriceUnknown, ProviderError
from workflows.providers.prices import Money

SECONDS = 20.0
MOST_TOKENS = 16  # some models refuse to be given fewer
ASKED = ({"role": "user", "content": "Answer with the word ok."},)


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

    @property
    def in_words(self) -> str:
        """All of it for a person: what came of it, and what it took."""
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
    event: EventType = EventType.PROVIDER_TESTED,
) -> Trial:
    """Make one minimal call, also to what is switched off. Never raises for what the provider does.

    Not inside a transaction: the entry must stand before the call leaves. A second entry says what came of it.
    """
    target = routes.to_target(deployment)
    with transaction.atomic(durable=True):
        entry = ledger.append(
            event,
            subject=deployment,
            by=by,
            name=deployment.name,
            provider=deployment.provider.name,
            model=deployment.model,
            region=target.region,
            egress=str(target.egress),
        )
    trial = _call(target, Permit(decision_id=entry.pk, call_id=new_id()), credentials)
    with transaction.atomic():
        ledger.append(
            EventType.PROVIDER_TEST_ENDED,
            subject=Subject(kind="test", id=str(entry.pk)),
            by=by,
            name=deployment.name,
            passed=trial.passed,
            kind=trial.kind,
            model=trial.model,
        )
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


def _call(target: Target, permit: Permit, credentials: str | None) -> Trial:
    request = ModelRequest(
        messages=ASKED,
        max_tokens=MOST_TOKENS,
        timeout_seconds=min(SECONDS, target.deployment_timeout_seconds),
    )
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
        )
    price = prices.find_price(target, now())
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
