"""The rows and events of one wave of one run: what happened, as grove_checkpoint reads it. No database in here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from runs.checkpoint import Row, RunWave, event
from runs.live_run import LiveRun
from runs.models.states import NodeStatus
from runs.outcomes import Outcome, Settlement, used
from runs.scopes import Scope, Waiting
from runs.tool_settlements import to_row
from tenancy.models import new_id
from workflows.nodes import NodeNote


class WaveRows:
    """Writes down what a turn decides. An execution that starts within the wave is one row, however it goes on."""

    def __init__(self, live: LiveRun, at: datetime) -> None:
        self._live, self._at = live, at
        self._fresh: dict[UUID, Row] = {}
        self._labels: Labels | None = None
        self._labels_as_json: Row = {}
        self.wave = RunWave(
            run={"id": live.run_id, "token": live.token, "ends": False, "parks": False}
        )

    def tell(self, name: str, path: str = "", at: datetime | None = None, **body: Any) -> None:
        self.wave.events.append(event(name, at or self._at, path, **body))

    def tell_notes(self, notes: Iterable[NodeNote], path: str) -> None:
        for note in notes:
            self.tell(note.event, path, **note.body)

    # -- nodes ----------------------------------------------------------------------------------------------------

    def start(self, scope: Scope, node: str) -> UUID:
        """A new attempt. Returns its id."""
        path = scope.path_of(node)
        row = self._new_row(scope, node, NodeStatus.RUNNING)
        row["started_at"] = self._at
        self.tell("node.started", path, attempt=row["attempt"])
        execution_id: UUID = row["id"]
        return execution_id

    def skip(self, scope: Scope, node: str, because: Row) -> None:
        """`because` may hold a record of what was compared: that is content, and sealed."""
        row = self._new_row(scope, node, NodeStatus.SKIPPED)
        row |= {"started_at": self._at, "finished_at": self._at, "skipped_because": because}
        if (compared := because.pop("record", None)) is not None:
            sealed = self._live.seal_output(row["id"], {"compared": compared})
            row |= {"payload": self.wave.keep(sealed.payload), "commitment": sealed.commitment}
        self.tell("node.skipped", scope.path_of(node), **because)

    def wait(self, waiting: Waiting, at: datetime, outcome: Outcome | None = None) -> None:
        """An attempt begins to wait: one that paused, or, without an outcome, a new one that is due later."""
        told = self._told(waiting)
        if outcome is None:
            self._new_row(
                waiting.scope, waiting.node, NodeStatus.WAITING, execution_id=waiting.execution_id
            ).update(told)
        else:
            self._change(waiting.execution_id, told | used(outcome.settlements), self.wave.moved)
        self._tell_waiting(waiting, at)

    def hand_back(self, waiting: Waiting) -> None:
        """An attempt that was started on record and never began waits for another worker."""
        self._change(waiting.execution_id, self._told(waiting), self.wave.moved)
        self._tell_waiting(waiting, self._at)

    def _told(self, waiting: Waiting) -> Row:
        return {
            "status": NodeStatus.WAITING.value,
            "waits_for": waiting.waits_for,
            "due_at": waiting.due_at,
            "worker": self._live.worker,
            "token": self._live.token,
        }

    def _tell_waiting(self, waiting: Waiting, at: datetime) -> None:
        path = waiting.scope.path_of(waiting.node)
        until = {"until": waiting.due_at} if waiting.due_at else {}
        attempt, kind = self._live.attempts[path], waiting.waits_for["kind"]
        self.tell("node.waiting", path, at, attempt=attempt, kind=kind, **until)

    def go_on(self, waiting: Waiting) -> None:
        """A wait is over: the next attempt begins, or the same one goes on.

        What it waited for stays in the row until it ends: a worker that is lost in between leaves word of it.
        """
        path = waiting.scope.path_of(waiting.node)
        row: Row = {
            "status": NodeStatus.RUNNING.value,
            "waits_for": waiting.waits_for if waiting.pause else None,
            "due_at": waiting.due_at if waiting.pause else None,
            "worker": self._live.worker,
            "token": self._live.token,
        }
        if waiting.pause is None:
            row["started_at"] = self._at
        self._change(waiting.execution_id, row, self.wave.moved)
        name = "node.resumed" if waiting.pause else "node.started"
        self.tell(name, path, attempt=self._live.attempts[path])

    def complete(self, outcome: Outcome) -> None:
        at, path, sealed = outcome.finished_at, outcome.node_id, outcome.sealed
        made: Row = {
            "payload": self.wave.keep(sealed.payload) if sealed else None,
            "commitment": sealed.commitment if sealed else None,
            "labels": self._told_labels(outcome.labels) if outcome.labels else None,
            "branch": outcome.branch,
        }
        self._end(outcome, NodeStatus.COMPLETED, made)
        if outcome.branch is not None:
            self.tell("branch.taken", path, at, branch=outcome.branch)
        self.tell("node.completed", path, at, attempt=self._live.attempts[path])

    def fail(self, outcome: Outcome) -> None:
        at, path = outcome.finished_at, outcome.node_id
        why: Row = {"error_code": outcome.error_code, "error_sentence": outcome.error_sentence}
        self._end(outcome, NodeStatus.FAILED, why)
        self.tell(
            "node.failed", path, at, code=outcome.error_code, attempt=self._live.attempts[path]
        )

    def lose(self, path: str, execution_id: UUID, attempt: int, code: str, sentence: str) -> None:
        """An attempt that a lost worker left behind."""
        row = {"status": NodeStatus.FAILED.value, "error_code": code, "error_sentence": sentence}
        self._change(execution_id, row | {"finished_at": self._at}, self.wave.finished)
        self.tell("node.failed", path, code=code, attempt=attempt)

    def call_off(self, path: str, execution_id: UUID, code: str, sentence: str) -> None:
        """An attempt that nothing waits for any more; what it asked is withdrawn."""
        row: Row = {
            "status": NodeStatus.CANCELLED.value,
            "finished_at": self._at,
            "error_code": code,
            "error_sentence": sentence,
        }
        self._change(execution_id, row, self.wave.finished)
        self.tell("node.failed", path, code=code, attempt=self._live.attempts[path])
        self.withdraw(path)

    def withdraw(self, path: str) -> None:
        """Whatever this attempt asked somebody outside is not waited for."""
        self.wave.given_up.append((path, self._live.attempts[path]))

    # -- calls, and the run ---------------------------------------------------------------------------------------

    def settle(self, outcome: Outcome) -> None:
        """The calls of an attempt, its own events, and what it adds to the run's sums."""
        for each in outcome.tool_settlements:
            row = to_row(each, self._live.run_id, self.wave)
            self.wave.tools.append(row | {"stamp": self._live.intents.stamp_of(each.call_id)})
        self.wave.events.extend(outcome.events)
        if outcome.settlements:
            self.settle_calls(outcome.settlements)
            spent = used(outcome.settlements)
            for name in ("tokens_in", "tokens_out", "cost_micros"):
                self.wave.run[name] = self.wave.run.get(name, 0) + spent[name]

    def settle_calls(self, settlements: Iterable[Settlement]) -> None:
        self.wave.calls.extend(self._settled_row(each) for each in settlements)

    def respond(self, outcome: Outcome) -> None:
        """The run answers early, with what this node made."""
        live, at = self._live, outcome.finished_at
        sealed = live.seal("runs_run", live.run_id, "response_sealed", outcome.output)
        self.wave.run |= {
            "response": self.wave.keep(sealed.payload),
            "response_node": outcome.node_id,
            "response_at": at,
        }
        self.tell("response.ready", outcome.node_id, at)

    def end_completed(self) -> None:
        live = self._live
        sealed = live.seal("runs_run", live.run_id, "output_sealed", live.output())
        self.wave.run |= {
            "ends": True,
            "finished_at": self._at,
            "payload": self.wave.keep(sealed.payload),
            "commitment": sealed.commitment,
        }
        self.tell("run.completed")
        self.tell("end", status=str(live.status))

    def end_failed(self, code: str, sentence: str, node: str) -> None:
        self.wave.run |= {
            "ends": True,
            "finished_at": self._at,
            "error_code": code,
            "error_sentence": sentence,
            "error_node": node,
        }
        self.tell("run.failed", node, code=code)
        self.tell("end", status=str(self._live.status))

    # -- rows -----------------------------------------------------------------------------------------------------

    def _new_row(
        self, scope: Scope, node: str, status: NodeStatus, *, execution_id: UUID | None = None
    ) -> Row:
        path = scope.path_of(node)
        row: Row = {
            "id": execution_id or new_id(),
            "run": self._live.run_id,
            "node_id": path,
            "kind": scope.nodes.kinds[node],
            "attempt": self._live.attempts[path],
            "status": status.value,
            "worker": self._live.worker,
            "token": self._live.token,
        }
        self._fresh[row["id"]] = row
        self.wave.started.append(row)
        return row

    def _change(self, execution_id: UUID, changes: Row, rows: list[Row]) -> None:
        """Change an execution: its row of this very wave, or one on record."""
        if (row := self._fresh.get(execution_id)) is not None:
            row |= changes
        else:
            rows.append({"id": execution_id, "run": self._live.run_id, **changes})

    def _end(self, outcome: Outcome, status: NodeStatus, what: Row) -> None:
        row: Row = {"status": status.value, "finished_at": outcome.finished_at, **what}
        if outcome.settlements:
            row |= used(outcome.settlements)
        self._change(outcome.execution_id, row, self.wave.finished)

    def _told_labels(self, labels: Labels) -> Row:
        """Those of neighbours are mostly the same."""
        if labels is not self._labels:
            self._labels, self._labels_as_json = labels, labels.to_json()
        return self._labels_as_json

    def _settled_row(self, settled: Settlement) -> Row:
        return {
            "id": settled.call_id,
            "run": self._live.run_id,
            "status": settled.status,
            "finished_at": settled.finished_at,
            "payload": self.wave.keep(settled.response),
            "model": settled.model,
            "tokens_in": settled.tokens_in,
            "tokens_out": settled.tokens_out,
            "cost_micros": settled.cost_micros,
            "error_kind": settled.error_kind,
            "error_sentence": settled.error_sentence,
            "stamp": self._live.intents.stamp_of(settled.call_id),
        }
