"""The way to a model: which deployments may take a call and in which order, and the call itself."""

from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from compliance.labels import Labels
from tenancy import secret_store
from tenancy.errors import SecretNotFound
from workflows.errors import ModelGroupUnknown
from workflows.models import Auth, Deployment, ModelGroup, ProviderKind
from workflows.providers import openai
from workflows.providers.contract import ModelRequest, ModelResponse, Permit, Target
from workflows.providers.errors import FailureKind, ProviderError, ProviderKindUnknown
from workflows.providers.health import Cooldowns

Adapter = Callable[..., ModelResponse]

ADAPTERS: Final[dict[str, Adapter]] = {ProviderKind.OPENAI: openai.complete}
cooldowns: Final = Cooldowns()


def route(
    group: str,
    labels: Labels,
    exclude: Collection[UUID] = (),
    *,
    frozen: Sequence[str] | None = None,
) -> list[Target]:
    """The group's deployments that may see these labels, in its order, those that just failed last.

    `frozen` are the deployments that the group had when a run started: that run uses these, wherever the
    group leads now; what each of them may see is asked anew. Where none may, the first of them comes
    alone: the policy then says no, on record and with its reason.
    Raises ModelGroupUnknown.
    """
    found = targets_of(group) if frozen is None else targets_named(frozen)
    targets = [target for target in found if target.deployment_id not in exclude]
    today = now().date()
    fit = [target for target in targets if not target.find_faults(labels, today=today)]
    if not fit:
        return targets[:1]
    return sorted(fit, key=lambda target: cooldowns.is_cooling(target.deployment_id))


def targets_of(group: str) -> list[Target]:
    """All enabled deployments of a model group, in its order. Raises ModelGroupUnknown."""
    deployments = (
        Deployment.objects.filter(memberships__group__name=group)
        .select_related("provider")
        .order_by("memberships__position")
    )
    found = [to_target(each) for each in deployments if each.enabled and each.provider.enabled]
    if not found and not ModelGroup.objects.filter(name=group).exists():
        raise ModelGroupUnknown(f"There is no model group “{group}”.")
    return found


def targets_named(names: Sequence[str]) -> list[Target]:
    """Those of these deployments that are enabled, in this order."""
    deployments = Deployment.objects.filter(name__in=names).select_related("provider")
    found = [to_target(each) for each in deployments if each.enabled and each.provider.enabled]
    return sorted(found, key=lambda target: names.index(target.name))


def complete(target: Target, request: ModelRequest, *, permit: Permit) -> ModelResponse:
    """Ask the model. Raises ProviderError; the permit says which recorded decision allowed it."""
    if not isinstance(permit, Permit):
        raise TypeError("A model call needs the permit of a recorded decision.")
    adapter = ADAPTERS.get(target.kind)
    if adapter is None:
        raise ProviderKindUnknown(
            f"Grove has no adapter for providers of the kind “{target.kind}”."
        )
    try:
        response = adapter(target, request, api_key=_api_key(target))
    except ProviderError as error:
        cooldowns.failed(target.deployment_id, error)
        raise
    cooldowns.answered(target.deployment_id)
    return response


def to_target(deployment: Deployment) -> Target:
    provider = deployment.provider
    return Target(
        deployment_id=deployment.pk,
        name=deployment.name,
        model=deployment.model,
        clearance=deployment.clearance,
        deployment_timeout_seconds=float(deployment.timeout_seconds),
        provider=provider.name,
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
    )


def _api_key(target: Target) -> str | None:
    if target.auth == Auth.NONE:
        return None
    try:
        secret = secret_store.reveal(target.secret_name)
    except SecretNotFound as error:
        raise ProviderError(FailureKind.AUTH, error.sentence) from error
    if not connection.in_atomic_block:
        connection.close()  # none is held while the provider thinks
    return secret.expose()
