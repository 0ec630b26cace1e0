"""The end of a run on record: one ledger entry that commits to all that happened in it."""

from collections.abc import Sequence

import orjson
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from runs import cancel, children, hot_path, interrupted
from runs.checkpoint import Row
from runs.live_run import LiveRun
from runs.models import CallStatus, ModelCall, NodeExecution, Run, RunFacts, RunStatus
from runs.outcomes import Outcome, Settlement
from runs.records import COMMITMENTS, commitments
from tenancy import actors, ledger
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.ledger import Subject
from workflows.departures import WITHDRAWN

GIVEN_UP = (
    "given_up",
    "The attempt that made this call had been given up, and the run ended before it was answered.",
)
ENTRY = {
    RunStatus.COMPLETED: EventType.RUN_COMPLETED,
    RunStatus.COMPLETED_WITH_NON_CRITICAL_ERRORS: EventType.RUN_COMPLETED,
    RunStatus.FAILED: EventType.RUN_FAILED,
}


def entry_of(live: LiveRun) -> Row:
    """The ledger entry of its end, as grove_record_end takes it; that adds what the rows of the run commit to."""
    return ledger.to_row(
        ENTRY[RunStatus(live.status)],
        subject=Subject(kind="run", id=str(live.run_id)),
        by=actors.SYSTEM,
        facts={"status": str(live.status)},
        told=COMMITMENTS,
    )


def leaves_more(live: LiveRun) -> bool:
    """Whether its end is more than its last wave with an entry: see record_end."""
    return bool(live.gave_up or live.status == RunStatus.FAILED or live.parent_run_id)


def record_end(live: LiveRun, *, gave_up: bool) -> None:
    """What belongs to the end of this run beside its last wave, in the same transaction.

    What it still waited for is withdrawn, its children cancelled, its parent told. One that gave up attempts has its
    entry here, after their calls are settled.
    """
    if gave_up:
        interrupted.settle_left(live.run_id, at=now(), why=GIVEN_UP)
        entry = orjson.dumps(entry_of(live)).decode()
        hot_path.ask("SELECT grove_record_end(%s, %s::text::jsonb)", [live.run_id, entry])
    if live.status == RunStatus.FAILED:
        cancel.cancel_what_is_left(live.run_id, by=actors.SYSTEM)
    if live.parent_run_id:
        children.tell_parent(live.parent_run_id)


def settle_late(live: LiveRun, outcomes: Sequence[Outcome]) -> None:
    """An answer that came after a cancel or a lost claim: what it cost is recorded, what it said is not used.

    Where the run had ended, its entry committed to other rows than these: another entry says how they stand now.
    """
    settlements = [settled for outcome in outcomes for settled in outcome.settlements]
    tools = [settled for outcome in outcomes for settled in outcome.tool_settlements]
    if not settlements and not tools:
        return
    with tenant_context(live.tenant), transaction.atomic():
        late = sum(1 for settled in settlements if _settle_call(settled))
        late += interrupted.settle_late(live.root_run_id, tools)
        if late and Run.objects.get(pk=live.run_id).is_terminal:
            ledger.append(
                EventType.RUN_SETTLED,
                subject=Subject(kind="run", id=str(live.run_id)),
                by=actors.SYSTEM,
                late_calls=late,
                **commitments(live.run_id),
            )


def _settle_call(settled: Settlement) -> bool:
    """False when it was settled already. An interrupted call had counted its reservation as spent.

    Rows are locked in the order in which a wave locks them: node, call, facts, run.
    """
    known = (
        ModelCall.objects.only("run_id", "node_id", "attempt").filter(pk=settled.call_id).first()
    )
    if known is None:
        return False
    attempts = NodeExecution.objects.select_for_update().filter(
        run_id=known.run_id, node_id=known.node_id, attempt=known.attempt
    )
    nodes = list(attempts.values_list("pk", flat=True))
    open_calls = ModelCall.objects.select_for_update(of=("self",)).filter(
        pk=known.pk, status__in=(CallStatus.INTENDED, CallStatus.INTERRUPTED)
    )
    call = open_calls.select_related("run").first()
    if call is None:
        return False
    in_flight = call.status == CallStatus.INTENDED
    withdrawn = settled.error_kind == WITHDRAWN
    ModelCall.objects.filter(pk=call.pk).update(
        status=CallStatus.FAILED if withdrawn else CallStatus.LATE,
        error_kind=settled.error_kind if withdrawn else call.error_kind,
        error_sentence=settled.error_sentence if withdrawn else call.error_sentence,
        finished_at=settled.finished_at,
        model_answered=settled.model,
        tokens_in=settled.tokens_in,
        tokens_out=settled.tokens_out,
        cost_micros=settled.cost_micros,
    )
    more = settled.cost_micros - (0 if in_flight else call.cost_micros)
    RunFacts.objects.filter(root_run_id=call.run.root_run_id or call.run_id).update(
        in_flight=F("in_flight") - int(in_flight),
        reserved_micros=F("reserved_micros") - (call.reserved_micros if in_flight else 0),
        spent_micros=F("spent_micros") + more,
    )
    counted = {
        "tokens_in": F("tokens_in") + settled.tokens_in,
        "tokens_out": F("tokens_out") + settled.tokens_out,
        "cost_micros": F("cost_micros") + more,
    }
    NodeExecution.objects.filter(pk__in=nodes).update(**counted)
    Run.objects.filter(pk=call.run_id).update(**counted)
    return True
