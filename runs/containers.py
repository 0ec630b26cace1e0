"""What containers do in a turn: open, ask what follows, start bodies, end. No database in here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from compliance.labels import Labels
from runs import restoring
from runs.kinds import KINDS
from runs.models.states import NodeStatus
from runs.outcomes import Outcome
from runs.recorded import Recorded
from runs.scopes import Container, Scope, as_child, deadline_of, outputs_of
from tenancy.models import new_id
from workflows.nodes import BodyEnd, NodeFailed, Result

if TYPE_CHECKING:
    from runs.turn import Turn


def open_box(turn: Turn, scope: Scope, node: str, execution_id: UUID, started_at: datetime) -> None:
    """Open a container, for the first time or again, and start what it says."""
    live = turn.live
    scope.states[node].status = NodeStatus.RUNNING
    scope.active.add(node)
    box = Container(
        scope=scope,
        node=node,
        execution_id=execution_id,
        inputs=scope.inputs_of(node),
        labels=scope.labels_into(node),
        started_at=started_at,
        deadline=deadline_of(scope.node(node), started_at),
        since=started_at if scope.path_of(node) in live.afresh else scope.since,
    )
    live.open[box.path] = box
    _drive(turn, box)


def end_body(turn: Turn, scope: Scope) -> None:
    """A scope is over. The container that it is a body of is asked what follows."""
    box = scope.container
    if box is None or turn.live.failure:
        return
    code, sentence, _ = scope.failure or ("", "", "")
    end = BodyEnd(given=scope.given, outputs=outputs_of(scope), code=code, sentence=sentence)
    box.ends.end(scope.place, end)
    _drive(turn, box, quietly=not scope.has_moved)


def empty(turn: Turn, box: Container) -> None:
    """Nothing in a container that failed goes on; what is finished in it is kept for its next attempt."""
    while inside := [place for place in turn.live.places() if box.holds(place.scope)]:
        turn.call_off(inside[-1])
    _close_recorded(turn, box)
    for body in box.bodies:
        _remember(turn, body)


def _close_recorded(turn: Turn, box: Container) -> None:
    """What a lost worker had under way in bodies that are not restored any more comes to its end on record, too."""
    live = turn.live
    for path, found in list(live.recorded.items()):
        if path.startswith(f"{box.path}[") and found.is_under_way:
            del live.recorded[path]
            live.attempts[path] = found.attempt
            turn.rows.call_off(path, found.execution_id, *turn.why_called_off())


def _drive(turn: Turn, box: Container, *, quietly: bool = False) -> None:
    """Ask a container what follows from the bodies that ended: more of them, or its own end.

    Quietly: what it says of a body that ended before the run was taken up is on record already.
    """
    if box.failure is None and turn.live.is_stopping(box.scope):
        if box.is_idle:
            turn.call_off(box)
            turn.mark(box.scope, [])
        return
    result = _ask(turn, box, quietly=quietly) if box.failure is None else None
    if box.failure is not None and box.is_idle:
        turn.absorb(_outcome(turn, box, failure=box.failure))
    elif result is not None:
        turn.rows.tell_notes(result.notes, box.path)
        turn.live.went_on |= bool(box.ends.failed)
        turn.absorb(_outcome(turn, box, result=result))


def _ask(turn: Turn, box: Container, *, quietly: bool) -> Result | None:
    spec = box.scope.node(box.node)
    kind = KINDS[spec.kind]
    assert kind.next is not None  # noqa: S101 - whatever has a body has a next
    try:
        if box.config is None:
            box.config = kind.opens(spec.config, box.inputs)
        step = kind.next(box.config, box.inputs, box.ends)
    except NodeFailed as failure:
        turn.rows.tell_notes(failure.notes, box.path)
        box.failure = (failure.code, failure.sentence)
        return None
    if not quietly:
        turn.rows.tell_notes(step.notes, box.path)
    for given in step.start:
        _open_body(turn, box, given, in_children=step.in_children)
    return step.result


def _open_body(turn: Turn, box: Container, given: Mapping[str, Any], *, in_children: bool) -> None:
    spec = box.scope.node(box.node)
    assert spec.body is not None  # noqa: S101 - see _ask
    body = Scope(
        nodes=as_child(spec.body) if in_children else spec.body,
        fetch=turn.live.fetch,
        path=f"{box.path}[{len(box.bodies)}]",
        given=given,
        outer=box.inputs,
        outer_labels=box.labels_now() if KINDS[spec.kind].carries_over else box.labels,
        container=box,
        place=len(box.bodies),
        since=box.since,
    )
    box.bodies.append(body)
    box.ends.begin()
    restoring.restore(turn, body)


def _outcome(
    turn: Turn,
    box: Container,
    *,
    result: Result | None = None,
    failure: tuple[str, str] = ("", ""),
) -> Outcome:
    code, sentence = failure
    return Outcome(
        node_id=box.path,
        execution_id=box.execution_id,
        finished_at=turn.at,
        output=result.output if result else None,
        sealed=turn.live.seal_output(box.execution_id, result.output) if result else None,
        labels=(result.labels or box.labels_now()) if result else None,
        branch=result.branch if result else None,
        error_code=code,
        error_sentence=sentence,
    )


def _remember(turn: Turn, scope: Scope) -> None:
    live = turn.live
    for node, state in scope.states.items():
        path = scope.path_of(node)
        if not state.is_settled:
            continue
        code, sentence = scope.given_up.get(node, ("", ""))
        live.recorded[path] = Recorded(
            execution_id=new_id(),
            attempt=live.attempts[path],
            status=state.status,
            output=scope.outputs.get(node),
            size=live.sizes.get(path, 0),
            labels=scope.labels.get(node, Labels()),
            branch=state.branch,
            error_code=code,
            error_sentence=sentence,
            started_at=turn.at,
        )
