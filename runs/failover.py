"""The road of one model call down its group: which deployment is next, and what is told of those before it.

Each is planned for anew, with the register as it is by then; each is decided on anew at the governed door.
"""

from typing import Any
from uuid import UUID

from django.utils.timezone import now

from compliance.labels import Labels
from runs.governed_calls import ModelAct
from runs.intents import RegisterMoved
from runs.live_run import LiveRun
from workflows.nodes import NodeFailed
from workflows.providers import gateway, routes
from workflows.providers.contract import ModelRequest, ProviderError, Target
from workflows.providers.routing import Plan

Note = tuple[str, dict[str, Any]]  # an event's name and body


class Road:
    """Made for one call of one node."""

    def __init__(self, live: LiveRun, group: str, labels: Labels) -> None:
        self._live, self._group, self._labels = live, group, labels
        self._register = routes.kept()
        self._failed: dict[UUID, ProviderError] = {}
        self._left: Note | None = None  # what is told once the next deployment is known
        self._target: Target

    def next_act(
        self, request: ModelRequest, *, may_try: bool = True
    ) -> tuple[ModelAct, Note | None]:
        """The call to the next deployment, and what to note of how it came to be this one.

        Without `may_try` none that is on trial: its trial belongs to the thread that calls.
        Raises NodeFailed when none is left, ModelGroupUnknown, ModelUnavailable.
        """
        frozen = self._live.model_groups.get(self._group)
        plan = gateway.plan(
            self._group,
            self._labels,
            exclude=self._failed,
            frozen=frozen,
            routes=self._register,
            may_try=may_try,
        )
        if not plan.targets:
            raise self._last_failure() or NodeFailed(
                "no_deployment", f"No deployment of model group “{self._group}” may take this call."
            )
        self._target = target = plan.targets[0]
        act = ModelAct(
            group=self._group,
            target=target,
            request=request,
            price=self._register.price_of(target, now()),
            register=self._register.number,
            budgets=self._register.budgets_of(target, self._group, self._live.workflow_id),
        )
        return act, self._told(plan)

    def leave(self, error: ProviderError, call_id: UUID | None) -> None:
        """This deployment failed. Raises NodeFailed where another one would not do better."""
        if not error.retryable:
            raise _to_failure(error) from error
        self._failed[self._target.deployment_id] = error
        body = {
            "from": self._target.name,
            "after": str(error.kind),
            "sentence": error.sentence,
            "call": str(call_id or ""),
            "group": self._group,
        }
        self._left = "provider.failover", body

    def look_again(self, why: Exception) -> None:
        """Plan with the register as it stands now. Where it did not move, raises NodeFailed or `why`."""
        if isinstance(why, RegisterMoved):
            self._register = routes.read()
            return
        found = routes.current()
        if found.number == self._register.number:
            raise self._last_failure() or why
        self._register = found

    def _told(self, plan: Plan) -> Note | None:
        if self._left is not None:
            name, body = self._left
            return name, body | {"to": plan.targets[0].name}
        if not plan.left_out:
            return None
        left_out = [each.to_json() for each in plan.left_out]
        return "provider.left_out", {"group": self._group, "left_out": left_out}

    def _last_failure(self) -> NodeFailed | None:
        return _to_failure(list(self._failed.values())[-1]) if self._failed else None


def _to_failure(error: ProviderError) -> NodeFailed:
    return NodeFailed(f"model_{error.kind}", error.sentence)
