"""The table of prices as people look at it: what holds now, what comes next, and what was paid before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import OuterRef, Q, QuerySet, Subquery

from workflows.models import Deployment, Price
from workflows.providers import prices


class PriceState(StrEnum):
    """Whether a price holds. One that another took the place of before it began is over, too."""

    TO_COME = "to_come"
    IN_FORCE = "in_force"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A deployment with its price now, None where nobody knows one, and the next one that is set already."""

    deployment: Deployment
    price: Price | None
    to_come: Price | None


def standings(at: datetime) -> Sequence[Standing]:
    """All deployments by name, in three queries."""
    deployments = list(Deployment.objects.select_related("provider").order_by("name"))
    known = prices.in_force(deployments, at)
    to_come = {
        price.deployment_id: price
        for price in Price.objects.filter(valid_from__gt=at)
        .order_by("deployment_id", "valid_from", "-id")
        .distinct("deployment_id")
    }
    return [
        Standing(deployment=each, price=known.get(each.pk), to_come=to_come.get(each.pk))
        for each in deployments
    ]


def history(deployment: Deployment | None = None) -> "QuerySet[Price]":
    """All prices ever set, of one deployment or of all; `until` is when another one took or takes its place."""
    later = Q(valid_from__gt=OuterRef("valid_from")) | Q(
        valid_from=OuterRef("valid_from"), id__gt=OuterRef("id")
    )
    follower = (
        Price.objects.filter(later, deployment=OuterRef("deployment"))
        .order_by("valid_from", "id")
        .values("valid_from")[:1]
    )
    rows = Price.objects.select_related("deployment").annotate(until=Subquery(follower))
    return rows if deployment is None else rows.filter(deployment=deployment)


def state_of(price: Price, at: datetime) -> PriceState:
    """Of a price from `history`."""
    until: datetime | None = price.until  # type: ignore[attr-defined]  # annotated there
    if until is not None and (until <= at or until == price.valid_from):
        return PriceState.OVER
    return PriceState.TO_COME if price.valid_from > at else PriceState.IN_FORCE
