"""What an earlier attempt of a node has done, or this one before it was parked: it is not done again."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from runs import interrupted, payloads
from runs.governed_calls import Caller, ToolAct
from runs.models import CallStatus, ModelCall, ToolCall
from workflows.nodes import NodeFailed, ToolAnswer
from workflows.tools.contract import Effect


@dataclass(slots=True)
class DoneBefore:
    """Of one attempt of one node."""

    caller: Caller
    _is_parked: bool = False
    _answered: deque[ModelCall] = field(default_factory=deque)

    def go_on(self) -> None:
        """The attempt was parked, and is run again from its beginning: read what its models answered up to then."""
        self._is_parked = True
        calls = ModelCall.objects.filter(
            run_id=self.caller.live.run_id,
            node_id=self.caller.node_id,
            attempt=self.caller.attempt,
            status=CallStatus.COMPLETED,
        )
        self._answered = deque(calls.order_by("id"))

    def next_model_call(self) -> ModelCall | None:
        """What answered this call then; None from where the attempt had not come any further."""
        return self._answered.popleft() if self._answered else None

    def find_tool_call(self, act: ToolAct) -> ToolCall | None:
        """The call that had this very effect already, or read this before the attempt was parked.

        Raises NodeFailed where nobody knows whether it had its effect.
        """
        writes = act.target.effect is Effect.WRITE
        if not writes and not self._is_parked:
            return None
        earlier = interrupted.earlier_calls(
            self.caller.live.run_id, idempotency_key=act.request.idempotency_key
        )
        done = interrupted.find_done(earlier, request_digest=act.asked_digest)
        if done is not None or not writes:
            return done
        unclear = interrupted.find_open(earlier)
        if unclear is not None and not act.request.idempotent:
            raise NodeFailed(interrupted.CODE, interrupted.sentence(unclear))
        return None

    def text_of(self, call: ModelCall) -> str:
        """What the model said."""
        return str(self._open("runs_modelcall", call.pk, call.response_sealed)["text"])

    def answer_of(self, call: ToolCall) -> ToolAnswer:
        """What the tool brought back."""
        output = self._open("runs_toolcall", call.pk, call.response_sealed)
        return ToolAnswer(output=output, labels=Labels.from_json(call.labels or {}))

    def _open(self, table: str, row: UUID, sealed: bytes | memoryview | None) -> Any:
        live = self.caller.live
        return payloads.unseal(
            live.key,
            bytes(sealed or b""),
            tenant_id=live.tenant.pk,
            table=table,
            row=row,
            column="response_sealed",
        )
