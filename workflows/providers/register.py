"""The register of providers, deployments and prices: each change leaves a ledger entry and a register entry.

What is in the register's entries is facts for documents; never a secret, only the name of one.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from compliance.labels import DataClass
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.errors import NameTaken, PriceInvalid, ProviderInvalid
from workflows.models import Deployment, Price, Provider, RegisterEntry, RegisterKind
from workflows.providers import faults

MOST_MICROS_PER_MILLION = 10**15
FARTHEST = timedelta(days=3653)
CURRENCY = re.compile(r"[A-Z]{3}")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
PROVIDER_FACTS = (
    "title",
    "kind",
    "base_url",
    "auth",
    "secret_name",
    "more_secrets",
    "settings",
    "egress",
    "region",
    "baa",
    "dpa",
    "zero_retention",
    "trains_on_data",
    "papers_expire_on",
    "enabled",
)
Known = Mapping[tuple[RegisterKind, str], Mapping[str, Any]]  # facts by kind and name
DEPLOYMENT_FACTS = ("model", "clearance", "timeout_seconds", "enabled")


@transaction.atomic
def create_provider(*, name: str, base_url: str, by: Actor, **facts: Any) -> Provider:
    """A new provider. What is not said about its papers is taken at its worst. Raises ProviderInvalid, NameTaken."""
    _check_known(facts, PROVIDER_FACTS)
    provider = Provider(name=name, base_url=trimmed(base_url), **facts)
    faults.check(faults.find_in_provider(provider))
    _insert(provider, name)
    _record_provider(provider, EventType.PROVIDER_CREATED, by)
    return provider


@transaction.atomic
def change_provider(*, provider: Provider, by: Actor, **facts: Any) -> None:
    """Change what is known of a provider. A change that changes nothing leaves no trace."""
    _check_known(facts, PROVIDER_FACTS)
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    if "base_url" in facts:
        facts["base_url"] = trimmed(facts["base_url"])
    if not _set(provider, facts):
        return
    faults.check(faults.find_in_provider(provider))
    provider.save(update_fields=list(facts))
    _record_provider(provider, EventType.PROVIDER_CHANGED, by)


@transaction.atomic
def create_deployment(
    *, provider: Provider, name: str, model: str, clearance: DataClass, by: Actor, **facts: Any
) -> Deployment:
    """A model at a provider, and the highest data class it may see. Without a price nothing may be spent on it."""
    _check_known(facts, DEPLOYMENT_FACTS)
    deployment = Deployment(
        provider=provider, name=name, model=model, clearance=int(clearance), **facts
    )
    faults.check(faults.find_in_deployment(deployment))
    _insert(deployment, name)
    _record_deployment(deployment, EventType.DEPLOYMENT_CREATED, by)
    return deployment


@transaction.atomic
def change_deployment(*, deployment: Deployment, by: Actor, **facts: Any) -> None:
    """Change a deployment's model, clearance, time-out, or whether it is used."""
    _check_known(facts, DEPLOYMENT_FACTS)
    deployment = Deployment.objects.select_for_update().get(pk=deployment.pk)
    if not _set(deployment, facts):
        return
    faults.check(faults.find_in_deployment(deployment))
    deployment.save(update_fields=list(facts))
    _record_deployment(deployment, EventType.DEPLOYMENT_CHANGED, by)


@transaction.atomic
def set_price(
    *,
    deployment: Deployment,
    input_micros_per_million: int,
    output_micros_per_million: int,
    by: Actor,
    currency: str = "EUR",
    valid_from: datetime | None = None,
) -> Price:
    """The price from a moment on (now, when not said). Earlier prices stay as they were. Raises PriceInvalid.

    What was asked for before that moment was paid at the price of then: so it is never in the past.
    """
    amounts = (input_micros_per_million, output_micros_per_million)
    if not all(0 <= amount <= MOST_MICROS_PER_MILLION for amount in amounts):
        raise PriceInvalid("A price is from 0 to 1,000,000,000 for a million tokens.")
    if not CURRENCY.fullmatch(currency):
        raise PriceInvalid("A currency is three capital letters, such as EUR.")
    return _insert_price(deployment, amounts, currency, valid_from, by)


@transaction.atomic
def end_price(*, deployment: Deployment, by: Actor, valid_from: datetime | None = None) -> Price:
    """From a moment on (now, when not said) nobody knows what it costs, so nothing may be spent on it.

    Raises PriceInvalid where it has no price by then.
    """
    last = get_price_to_end(deployment=deployment, valid_from=valid_from)
    return _insert_price(deployment, (None, None), last.currency, valid_from, by)


def get_price_to_end(*, deployment: Deployment, valid_from: datetime | None = None) -> Price:
    """The price that would end at that moment (now, when not said). Raises PriceInvalid without one."""
    last: Price | None = deployment.prices.filter(valid_from__lte=valid_from or now()).first()
    if last is None or last.is_end:
        raise PriceInvalid(f"“{deployment.name}” has no price then: there is nothing to end.")
    return last


def check_moment(valid_from: datetime) -> None:
    """Raises PriceInvalid for what is over, and for what is too far away to be meant."""
    if valid_from < now():
        raise PriceInvalid(
            f"A price in the past cannot be changed, only followed: {valid_from:%Y-%m-%d %H:%M} is over. "
            "Name a moment to come, or none for now."
        )
    if valid_from > now() + FARTHEST:
        raise PriceInvalid("A price begins within ten years.")


def _insert_price(
    deployment: Deployment,
    amounts: tuple[int | None, int | None],
    currency: str,
    valid_from: datetime | None,
    by: Actor,
) -> Price:
    if valid_from is not None:
        check_moment(valid_from)
    price = Price.objects.create(
        deployment=deployment,
        valid_from=valid_from or now(),
        input_micros_per_million=amounts[0],
        output_micros_per_million=amounts[1],
        currency=currency,
        **Price.authorship(by),
    )
    ledger.append(
        EventType.PRICE_SET if not price.is_end else EventType.PRICE_ENDED,
        subject=price,
        by=by,
        deployment=deployment.name,
        valid_from=price.valid_from.isoformat(),
        input_micros_per_million=amounts[0],
        output_micros_per_million=amounts[1],
        currency=currency,
    )
    return price


def write_entry(
    kind: RegisterKind, *, subject_id: UUID, name: str, facts: dict[str, Any], by: Actor
) -> None:
    """Note how something stands from now on. In the caller's transaction, beside its ledger entry."""
    RegisterEntry.objects.create(
        kind=kind, subject_id=subject_id, name=name, facts=facts, **RegisterEntry.authorship(by)
    )


def find_facts(kind: RegisterKind, name: str, as_of: datetime) -> dict[str, Any] | None:
    """What was known of this thing at that moment; None when it was not there yet."""
    entry = (
        RegisterEntry.objects.filter(kind=kind, name=name, created_at__lte=as_of)
        .order_by("-created_at", "-id")
        .first()
    )
    return entry.facts if entry else None


def find_all(as_of: datetime) -> Known:
    """Everything that was known at that moment, by kind and name, in one query."""
    entries = (
        RegisterEntry.objects.filter(created_at__lte=as_of)
        .order_by("kind", "name", "-created_at", "-id")
        .distinct("kind", "name")
    )
    return {
        (RegisterKind(kind), name): facts
        for kind, name, facts in entries.values_list("kind", "name", "facts")
    }


def trimmed(address: str) -> str:
    """An address as it is kept: paths are put behind it."""
    return address.strip().rstrip("/")


def _record_provider(provider: Provider, event: EventType, by: Actor) -> None:
    facts = _facts(provider, PROVIDER_FACTS)
    write_entry(
        RegisterKind.PROVIDER, subject_id=provider.pk, name=provider.name, facts=facts, by=by
    )
    ledger.append(event, subject=provider, by=by, name=provider.name, **facts)


def _record_deployment(deployment: Deployment, event: EventType, by: Actor) -> None:
    facts = _facts(deployment, DEPLOYMENT_FACTS) | {"provider": deployment.provider.name}
    write_entry(
        RegisterKind.DEPLOYMENT, subject_id=deployment.pk, name=deployment.name, facts=facts, by=by
    )
    ledger.append(event, subject=deployment, by=by, name=deployment.name, **facts)


def _facts(row: Provider | Deployment, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in values.items()
    }


def _set(row: Provider | Deployment, facts: dict[str, Any]) -> bool:
    changed = any(getattr(row, name) != value for name, value in facts.items())
    for name, value in facts.items():
        setattr(row, name, value)
    return changed


def _check_known(facts: dict[str, Any], known: Sequence[str]) -> None:
    if unknown := sorted(set(facts).difference(known)):
        raise ProviderInvalid(f"There is no such fact: {', '.join(unknown)}.")


def _insert(row: Provider | Deployment, name: str) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(f"There is already a {row._meta.verbose_name} “{name}”.") from error
