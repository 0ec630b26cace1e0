"""Restore a scope from its record: what is finished is kept, what waits goes on waiting, what was lost is said."""

from __future__ import annotations

import random
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from runs.models.states import NodeStatus
from runs.recorded import Recorded
from runs.scopes import Running, Scope, deadline_of
from workflows.retries import RetryRule

if TYPE_CHECKING:
    from runs.turn import Turn

MAX_LOSSES = 8  # a node that takes its worker along is not tried for ever
APART = RetryRule(attempts=MAX_LOSSES + 1, wait_seconds=0.5, at_most_seconds=10)
LOST = "worker_lost"
STARTS_OVER = frozenset({"refine_exhausted"})  # what is on record would only fail again


def restore(turn: Turn, scope: Scope) -> None:
    """Put every node of a scope where its latest attempt left it, then reopen the containers in it."""
    from runs import containers  # noqa: PLC0415 - a container restores its bodies

    live = turn.live
    opened: list[tuple[str, UUID, datetime]] = []
    for node in scope.nodes.graph.order:
        path = scope.path_of(node)
        found = live.recorded.pop(path, None)
        if found is None:
            continue
        live.attempts[path] = found.attempt
        if scope.since and found.started_at and found.started_at < scope.since:
            continue
        if {found.code_before, found.error_code} & STARTS_OVER:
            live.afresh.add(path)
        if found.status == NodeStatus.RUNNING and scope.node(node).body is not None:
            opened.append((node, found.execution_id, found.started_at or turn.at))
        else:
            _restore_node(turn, scope, node, found)
    turn.mark(scope, None)
    for node, execution_id, started_at in opened:
        containers.open_box(turn, scope, node, execution_id, started_at)


def _restore_node(turn: Turn, scope: Scope, node: str, found: Recorded) -> None:
    live, path = turn.live, scope.path_of(node)
    match found.status:
        case NodeStatus.COMPLETED:
            scope.settle(node, found.output, found.labels, found.branch)
            live.sizes[path] = found.size
            if scope.node(node).body is not None:
                live.went_on |= _has_failures(turn, f"{path}[")
        case NodeStatus.SKIPPED:
            scope.states[node].status = NodeStatus.SKIPPED
        case NodeStatus.WAITING:
            _go_on_waiting(turn, scope, node, found)
        case NodeStatus.RUNNING if found.goes_on:
            # Lost while it went on after its wait: that is done again, not the node.
            _go_on_waiting(turn, scope, node, found)
        case NodeStatus.RUNNING:
            _lose(turn, scope, node, found)
        case NodeStatus.FAILED if _still_counts(turn, scope, node, found):
            live.went_on |= scope.give_up(node, found.error_code, found.error_sentence)


def _go_on_waiting(turn: Turn, scope: Scope, node: str, found: Recorded) -> None:
    if found.pause is None:
        turn.wait_to_retry(scope, node, found.execution_id, found.due_at)
        return
    place = Running(scope=scope, node=node, execution_id=found.execution_id)
    deadline = deadline_of(scope.node(node), found.started_at)
    turn.wait(place, found.execution_id, found.pause, deadline)


def _lose(turn: Turn, scope: Scope, node: str, found: Recorded) -> None:
    """An attempt that a lost worker left behind. One with an interrupted effect is not simply repeated.

    After one loss it is tried again at once; after more, later and later: what was lost together comes back apart, so
    that the node that takes its worker along does not take the others with it each time.
    """
    code, sentence = LOST, "The worker was lost in the middle of this attempt."
    too_often = found.losses >= MAX_LOSSES
    if found.interrupted:
        code, sentence = "interrupted", found.interrupted
    elif too_often:
        sentence = f"{found.losses + 1} workers were lost one after the other on this node."
    turn.rows.lose(scope.path_of(node), found.execution_id, found.attempt, code, sentence)
    if found.interrupted or too_often:
        turn.live.went_on |= scope.give_up(node, code, sentence)
    elif found.losses:
        chance = random.random()  # noqa: S311 - jitter
        pause = APART.wait_seconds_after(found.losses, chance=chance)
        turn.try_again(scope, node, turn.at, pause)


def _still_counts(turn: Turn, scope: Scope, node: str, found: Recorded) -> bool:
    """Whether a failure on record stands. One that the run went on after does; any other is tried again with the
    run that is resumed, and with the container that is tried again. So is what was only lost with its worker, in a
    run that came to its end at that very moment for another reason."""
    if found.error_code == LOST and found.losses < MAX_LOSSES:
        return False
    if scope.node(node).on_failure != "fail":
        return True
    box = scope.container
    if box is None:
        return not turn.live.is_resumed
    return found.started_at is None or found.started_at >= box.started_at


def _has_failures(turn: Turn, inside: str) -> bool:
    """Whether a container that is completed went on after failures in its bodies."""
    return any(
        found.status == NodeStatus.FAILED and path.startswith(inside)
        for path, found in turn.live.recorded.items()
    )
