"""The register as one value: where the calls of a tenant may go, and at what price. Kept in memory.

Its number is that of the register when it was read (RegisterEpoch). A governed call is written down only while that
number still holds, so nobody decides on what has changed since.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from tenancy.context import current_tenant
from workflows import budgets
from workflows.budgets import BudgetRef
from workflows.errors import ModelGroupUnknown
from workflows.models import Deployment, ModelGroup, ModelGroupMember, Price, RegisterEpoch
from workflows.providers import breakers, placements
from workflows.providers.contract import Target
from workflows.providers.fitness import ANYWHERE, Placements
from workflows.providers.standing import CLOSED, Standing

_kept: dict[UUID, "Routes"] = {}


@dataclass(frozen=True, kw_only=True)
class Routes:
    """All enabled deployments, the groups that name them in order, and their prices, the newest first."""

    number: int
    targets: Sequence[Target]
    groups: Mapping[str, Sequence[UUID]]
    prices: Mapping[UUID, Sequence[Price]]
    placements: Placements = ANYWHERE
    budgets: Sequence[BudgetRef] = ()

    def of_group(self, name: str) -> list[Target]:
        """The deployments of a model group, in its order. Raises ModelGroupUnknown."""
        members = self.groups.get(name)
        if members is None:
            raise ModelGroupUnknown(f"There is no model group “{name}”.")
        return [self._by_id[member] for member in members if member in self._by_id]

    def named(self, names: Sequence[str]) -> list[Target]:
        """Those of these deployments that are enabled, in this order."""
        return [self._by_name[name] for name in names if name in self._by_name]

    def price_of(self, target: Target, at: datetime) -> Price | None:
        """The price in force at that moment."""
        prices = self.prices.get(target.deployment_id, ())
        return next((price for price in prices if price.valid_from <= at), None)

    def budgets_of(self, target: Target, group: str, workflow_id: UUID) -> tuple[BudgetRef, ...]:
        """The budgets that count a call of this workflow to this deployment."""
        if not self.budgets:
            return ()
        return budgets.applying(
            workflow_id=workflow_id,
            provider_id=target.provider_id,
            secret_name=target.secret_name,
            group=group,
            among=self.budgets,
        )

    @cached_property
    def _by_id(self) -> Mapping[UUID, Target]:
        return {target.deployment_id: target for target in self.targets}

    @cached_property
    def _by_name(self) -> Mapping[str, Target]:
        return {target.name: target for target in self.targets}


def kept() -> Routes:
    """As this process read it last: for whoever asks by its number whether it still holds."""
    found = _kept.get(current_tenant().pk)
    return found if found is not None else read()


def current() -> Routes:
    """As it stands now."""
    found = _kept.get(current_tenant().pk)
    if found is None or found.number != _number():
        return read()
    return found


def read() -> Routes:
    """Read it anew. The number comes first: what changes meanwhile has another one."""
    number = _number()
    deployments = Deployment.objects.select_related("provider").filter(
        enabled=True, provider__enabled=True
    )
    groups: dict[str, list[UUID]] = {
        name: [] for name in ModelGroup.objects.values_list("name", flat=True)
    }
    members = ModelGroupMember.objects.order_by("position")
    standings = breakers.read()
    for name, deployment_id in members.values_list("group__name", "deployment_id"):
        groups.setdefault(name, []).append(deployment_id)
    routes = Routes(
        number=number,
        targets=tuple(to_target(each, standings.get(each.pk, CLOSED)) for each in deployments),
        groups=groups,
        prices=_prices(),
        placements=placements.read(),
        budgets=budgets.read_all(),
    )
    if (
        not connection.in_atomic_block
    ):  # what is read in there may be undone, and its number given again
        _kept[current_tenant().pk] = routes
    return routes


def _number() -> int:
    return RegisterEpoch.objects.values_list("number", flat=True).first() or 0


def _prices() -> Mapping[UUID, Sequence[Price]]:
    """Of each deployment the price in force, and those to come."""
    at = now()
    by_deployment: dict[UUID, list[Price]] = defaultdict(list)
    newest = Price.objects.filter(valid_from__lte=at).order_by(
        "deployment_id", "-valid_from", "-id"
    )
    to_come = Price.objects.filter(valid_from__gt=at).order_by("-valid_from", "-id")
    for price in [*to_come, *newest.distinct("deployment_id")]:
        by_deployment[price.deployment_id].append(price)
    return by_deployment


def to_target(deployment: Deployment, standing: Standing = CLOSED) -> Target:
    provider = deployment.provider
    return Target(
        deployment_id=deployment.pk,
        name=deployment.name,
        model=deployment.model,
        clearance=deployment.clearance,
        deployment_timeout_seconds=float(deployment.timeout_seconds),
        provider=provider.name,
        provider_id=provider.pk,
        kind=provider.kind,
        base_url=provider.base_url,
        auth=provider.auth,
        secret_name=provider.secret_name,
        egress=provider.egress,
        region=provider.region,
        baa=provider.baa,
        dpa=provider.dpa,
        zero_retention=provider.zero_retention,
        trains_on_data=provider.trains_on_data,
        papers_expire_on=provider.papers_expire_on,
        settings=provider.settings,
        more_secrets=provider.more_secrets,
        standing=standing,
    )
