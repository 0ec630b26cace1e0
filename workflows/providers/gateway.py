"""The way to a model: which deployments may take a call and in which order, and the call itself."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.utils.timezone import now

from compliance.labels import Labels
from workflows.providers import adapters, breakers, routing
from workflows.providers.contract import ModelRequest, ModelResponse, Permit, Target
from workflows.providers.errors import ModelUnavailable, ProviderError
from workflows.providers.routes import Routes, current
from workflows.providers.routing import Plan


def route(
    group: str,
    labels: Labels,
    exclude: Collection[UUID] = (),
    *,
    frozen: Sequence[str] | None = None,
    routes: Routes | None = None,
) -> list[Target]:
    """The deployments to try for values with these labels, the first first: see plan()."""
    return list(plan(group, labels, exclude, frozen=frozen, routes=routes).targets)


def plan(
    group: str,
    labels: Labels,
    exclude: Collection[UUID] = (),
    *,
    frozen: Sequence[str] | None = None,
    routes: Routes | None = None,
    may_try: bool = True,
) -> Plan:
    """The group's deployments that may see these labels, in its order, and why the others are left out.

    `frozen` are the deployments that the group had when a run started: that run uses these, wherever the
    group leads now; what each of them may see is asked anew. Where none may, the first of them comes
    alone with its fault: it is denied on record, and nothing goes anywhere else. `routes`: the register as the
    caller read it. A first deployment whose breaker is half-open is in there for one caller at a time; who
    may not try it is told that nobody may take the call.
    Raises ModelGroupUnknown; ModelUnavailable where all that may are left in peace.
    """
    routes = routes or current()
    found = routes.of_group(group) if frozen is None else routes.named(frozen)
    members = [target for target in found if target.deployment_id not in exclude]
    at = now()
    planned = routing.plan(members, labels, today=at.date(), at=at, placements=routes.placements)
    while planned.on_trial and planned.targets[0].deployment_id in planned.on_trial:
        first = planned.targets[0]
        if not may_try:
            raise ModelUnavailable(f"“{first.name}” is to be tried first.")
        if breakers.take_trial(first.deployment_id):
            break
        planned = planned.without(first.deployment_id, routing.on_trial(first))
    if members and not planned.targets:
        raise ModelUnavailable(" ".join(each.sentence for each in planned.left_out))
    return planned


def complete(
    target: Target, request: ModelRequest, *, permit: Permit, credentials: str | None = None
) -> ModelResponse:
    """Ask the model. Raises ProviderError; the permit says which recorded decision allowed it, and when it may leave.

    `credentials`: the caller's own key, used for this call and kept nowhere.
    """
    if not isinstance(permit, Permit):
        raise TypeError("A model call needs the permit of a recorded decision.")
    try:
        response = adapters.call(target, request, credentials=credentials, leave=permit.leave)
    except ProviderError as error:
        breakers.note_failure(target, error)
        raise
    breakers.note_answer(target, response)
    return response
