"""The way to a model: which deployments may take a call and in which order, and the call itself."""

from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from compliance.labels import Labels
from tenancy import secret_store
from tenancy.errors import SecretNotFound
from workflows.models import Auth, ProviderKind
from workflows.providers import openai
from workflows.providers.contract import ModelRequest, ModelResponse, Permit, Target
from workflows.providers.errors import FailureKind, ProviderError, ProviderKindUnknown
from workflows.providers.health import Cooldowns
from workflows.providers.routes import Routes, current

Adapter = Callable[..., ModelResponse]

ADAPTERS: Final[dict[str, Adapter]] = {ProviderKind.OPENAI: openai.complete}
cooldowns: Final = Cooldowns()


def route(
    group: str,
    labels: Labels,
    exclude: Collection[UUID] = (),
    *,
    frozen: Sequence[str] | None = None,
    routes: Routes | None = None,
) -> list[Target]:
    """The group's deployments that may see these labels, in its order, those that just failed last.

    `frozen` are the deployments that the group had when a run started: that run uses these, wherever the
    group leads now; what each of them may see is asked anew. Where none may, the first of them comes
    alone: the policy then says no, on record and with its reason. `routes`: the register as the caller read it.
    Raises ModelGroupUnknown.
    """
    routes = routes or current()
    found = routes.of_group(group) if frozen is None else routes.named(frozen)
    targets = [target for target in found if target.deployment_id not in exclude]
    today = now().date()
    fit = [target for target in targets if not target.find_faults(labels, today=today)]
    if not fit:
        return targets[:1]
    return sorted(fit, key=lambda target: cooldowns.is_cooling(target.deployment_id))


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
