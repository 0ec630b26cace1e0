"""Effects that may have happened: calls that were under way when their worker was lost or their run was ended, or that
left no clear answer.

None of them is ever repeated silently. A tool that is declared idempotent is asked again with the same key; any
other waits for a person, whose resume is the word that it may be repeated.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import F

from runs.checkpoint import Row
from runs.hot_path import ask
from runs.models import CallStatus, ModelCall, RunFacts, ToolCall
from runs.tool_settlements import ToolSettlement
from tenancy.events import EventType
from tenancy.models import LedgerEntry
from workflows.tools.contract import ToolFailure

CODE = "interrupted"
SETTLE = (
    "SELECT grove_settle_calls(%s::text::jsonb, '{}', ARRAY[%s]), "
    "grove_settle_tools(%s::text::jsonb, '{}', ARRAY[%s])"  # runs/migrations/
)
Why = tuple[str, str]  # code and sentence
WORKER_LOST: Why = ("worker_lost", "The worker was lost while this call was under way.")


def lost_models(run_id: UUID, *, at: datetime, why: Why = WORKER_LOST) -> list[Row]:
    """Rows for a wave: the model calls that were left under way. Nobody knows what the provider did, so what was
    reserved for them counts as spent."""
    calls = ModelCall.objects.filter(run_id=run_id, status=CallStatus.INTENDED)
    return [
        _left(call, at, why) | {"cost_micros": call.reserved_micros}
        for call in calls.defer("request_sealed", "response_sealed")
    ]


def lost_tools(run_id: UUID, *, at: datetime, why: Why = WORKER_LOST) -> list[Row]:
    """The same for tool calls."""
    return [_left(call, at, why) for call in _under_way(run_id)]


def settle_left(run_id: UUID, *, at: datetime, why: Why) -> None:
    """Of a run that ends in the caller's transaction: what it left under way is interrupted, and no longer in flight.

    Nobody waits for it any more, and its worker may be gone; where an answer comes all the same, it is late.
    """
    models, tools = lost_models(run_id, at=at, why=why), lost_tools(run_id, at=at, why=why)
    if models or tools:
        ask(SETTLE, [orjson.dumps(models).decode(), run_id, orjson.dumps(tools).decode(), run_id])


def _left(call: ModelCall | ToolCall, at: datetime, why: Why) -> Row:
    code, told = why
    return {
        "id": call.pk,
        "run": call.run_id,
        "status": CallStatus.INTERRUPTED.value,
        "finished_at": at,
        "error_kind": code,
        "error_sentence": told,
    }


def interrupted_effects(run_id: UUID) -> Mapping[str, ToolCall]:
    """By node: the call under way that had an effect and may not be repeated without a person's word."""
    return {
        call.node_id: call for call in _under_way(run_id) if call.has_effect and not call.idempotent
    }


def sentence(call: ToolCall) -> str:
    """For people: what may have happened, and what to do about it."""
    happened = (
        "was done by an earlier attempt, with other arguments or with an answer that could not be kept"
        if call.status == CallStatus.COMPLETED
        else "was under way and left no clear answer, so it may have been done"
    )
    return (
        f"“{call.tool}” at “{call.destination}” {happened}. Look there; resuming the run repeats it with the same "
        "idempotency key."
    )


def find_done(earlier: list[ToolCall], *, request_digest: str) -> ToolCall | None:
    """The call of an earlier attempt that did just this, where one did."""
    return next(
        (
            call
            for call in reversed(earlier)
            if call.response_sealed is not None and call.request_digest == request_digest
        ),
        None,
    )


def find_open(earlier: list[ToolCall]) -> ToolCall | None:
    """The last earlier call that may have done something, unless a person has said since that it may be repeated."""
    call = next((call for call in reversed(earlier) if may_have_happened(call)), None)
    return None if call is None or _was_resumed_since(call) else call


def earlier_calls(run_id: UUID, *, idempotency_key: str) -> list[ToolCall]:
    """Calls of earlier attempts with this key, in their order."""
    calls = ToolCall.objects.filter(run_id=run_id, idempotency_key=idempotency_key)
    return list(calls.order_by("id"))


def settle_late(root_run_id: UUID, settlements: Sequence[ToolSettlement]) -> int:
    """Record what came too late, in the caller's transaction. What the tool did is kept, and not used by this attempt.

    Gives how many had not been settled yet.
    """
    late = 0
    for settled in settlements:
        open_calls = ToolCall.objects.select_for_update().filter(
            pk=settled.call_id, status__in=(CallStatus.INTENDED, CallStatus.INTERRUPTED)
        )
        call = open_calls.first()
        if call is None:
            continue
        ToolCall.objects.filter(pk=call.pk).update(
            status=CallStatus.LATE,
            finished_at=settled.finished_at,
            response_sealed=settled.response,
            result_digest=settled.digest,
            labels=settled.labels,
            error_kind=settled.error_kind,
            error_sentence=settled.error_sentence,
        )
        if call.status == CallStatus.INTENDED:
            RunFacts.objects.filter(root_run_id=root_run_id).update(in_flight=F("in_flight") - 1)
        late += 1
    return late


def may_have_happened(call: ToolCall) -> bool:
    """Whether the other side may have acted on it: everything but a call that failed before it could."""
    if call.status in (CallStatus.FAILED, CallStatus.LATE) and call.error_kind:
        # What was completed and could not be kept was done; late, it says so by its digest.
        return bool(call.result_digest) or call.error_kind in (
            ToolFailure.OUTCOME_UNKNOWN,
            "internal_error",
        )
    return True


def _was_resumed_since(call: ToolCall) -> bool:
    entries: Any = LedgerEntry.objects.filter(
        subject_kind="run",
        subject_id__in={str(call.run_id), str(call.run.root_run_id or call.run_id)},
        event=EventType.RUN_RESUMED,
        at__gt=call.started_at,
    )
    return bool(entries.exists())


def _under_way(run_id: UUID) -> list[ToolCall]:
    under_way = ToolCall.objects.filter(run_id=run_id, status=CallStatus.INTENDED)
    return list(under_way.defer("request_sealed", "response_sealed").order_by("id"))
