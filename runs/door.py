"""What a node is handed as `ctx`: one attempt of one node, and what its outcome must settle.

Calls to the world go through the governed door (runs/governed.py); questions and child runs are rows of our own.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, cast

from django.db import DatabaseError
from django.utils.timezone import now

from compliance.labels import Labels
from runs import approvals, children, payloads, waits, writing
from runs.errors import ClaimLost
from runs.first_calls import Decided
from runs.governed import A, GovernedDoor, Permitted
from runs.kinds import KINDS
from runs.live_run import LiveRun, Start
from runs.outcomes import Outcome
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from workflows.nodes import Inputs, Json, Kind, NodeFailed, NodeNote, Pause, Result

logger = logging.getLogger(__name__)


class NodeDoor(GovernedDoor):
    """Made for one attempt, or for what follows its pause."""

    def __init__(self, *, live: LiveRun, start: Start, decided: Decided | None = None) -> None:
        labels = live.labels_into(start)
        super().__init__(live=live, node_id=start.path, labels=labels, decided=decided)
        self._start = start
        self._boarding = decided.boarding if decided else None
        self._went_on = False
        self.callback_url = ""

    @property
    def run_input(self) -> Any:
        return self._live.run_input

    @property
    def branches(self) -> frozenset[str]:
        graph = self._start.scope.nodes.graph
        return frozenset(
            edge.branch for edge in graph.edges_out_of(self._start.node) if edge.branch
        )

    def now(self) -> datetime:
        pause = self._start.pause
        if pause is not None and approvals.is_of_an_action(pause):
            return approvals.began_at(pause)
        return self._start.at

    # -- questions and child runs -------------------------------------------------------------------------------------

    def ask(
        self,
        *,
        kind: Literal["callback", "approval"],
        question: Json,
        schema: Mapping[str, Any] | None,
        expires_at: datetime,
        approver: str = "",
    ) -> Pause:
        self._check_wanted()
        with tenant_context(self._live.tenant):
            pause, token = waits.ask(
                self._live,
                path=self.node_id,
                attempt=self.attempt,
                kind=kind,
                question=question,
                schema=schema,
                expires_at=expires_at,
                approver=approver,
            )
            if token:
                self.callback_url = waits.address_of(token)
        if kind == "approval":
            self._note("approval.requested", approver=approver, until=expires_at)
        return pause

    def child(self, *, workflow: str, run_input: Json) -> Pause:
        self._check_wanted()
        with tenant_context(self._live.tenant):
            try:
                return children.start_workflow(
                    self._live,
                    path=self.node_id,
                    attempt=self.attempt,
                    workflow=workflow,
                    run_input=run_input,
                    labels=self.labels,
                )
            except GroveError as error:
                raise NodeFailed(error.code, error.sentence) from error

    def child_of_body(self, inputs: Inputs) -> Pause:
        box = self._start.scope.container
        body = box.scope.node(box.node).body if box else None
        assert body is not None  # noqa: S101 - only a body of a container runs as a child
        self._check_wanted()
        with tenant_context(self._live.tenant):
            return children.start_body(
                self._live,
                path=self.node_id,
                attempt=self.attempt,
                body=body,
                values=inputs,
                labels=self.labels,
            )

    def _permitted(self, act: A, labels: Labels) -> Permitted[A]:
        """Of an attempt that was given up, no further call leaves. The one that was decided ahead asks as it leaves."""
        first = self._decided
        if first is None or first.act is not act:
            self._check_wanted()
            return super()._permitted(act, labels)
        self._decided = None
        leave = partial(self._leave, first)
        return self._allowed(cast("A", first.final.act), first.draft, leave=leave)

    def _leave(self, first: Decided) -> None:
        """All is ready: wait for the record. Raises NotAboard, and ClaimLost where the attempt was given up or its run
        is no longer held here: then nothing leaves, and if there is such a call on record, it says so."""
        try:
            first.boarding.await_call()
            self._check_wanted()
        except ClaimLost:
            self._settlements.append(first.withdrawn())
            raise

    def _check_wanted(self) -> None:
        """Raises ClaimLost for an attempt that was given up, or whose start did not get on record."""
        if self._boarding is not None:
            self._boarding.await_wave()
        if not self._live.is_at_work(self.node_id, self._start.execution_id):
            raise ClaimLost("This attempt has been given up.")

    def work(self, kind: Kind, config: Any, inputs: Inputs) -> Result | Pause:
        """Run the node, or after a pause hand it what ended that. Raises NodeFailed."""
        pause = self._start.pause
        if pause is None:
            return self._run(kind, config, inputs)
        with tenant_context(self._live.tenant):
            answer = waits.answer_of(self._live, pause, expired=self._start.expired)
            if approvals.is_of_an_action(pause):
                self._note_all([approvals.check_answer(pause, answer)])
                self._go_on_parked()
                return self._run(kind, config, inputs)
        assert kind.resume is not None  # noqa: S101 - whatever pauses by itself can go on
        self._went_on = answer.code == children.NON_CRITICAL
        return kind.resume(self, config, inputs, answer)

    def _run(self, kind: Kind, config: Any, inputs: Inputs) -> Result | Pause:
        """From its beginning. Where a policy asks for an approval on the way, the node waits for that."""
        try:
            return kind.run(self, config, inputs)
        except approvals.Parked as parked:
            return parked.pause

    # -- the outcome --------------------------------------------------------------------------------------------------

    def completed(self, result: Result) -> Outcome:
        """An attempt that ended well: its output sealed, its labels never looser than its inputs'."""
        self._note_all(result.notes)
        sealed = payloads.seal(
            self._live.key,
            result.output,
            tenant_id=self._live.tenant.pk,
            table="runs_nodeexecution",
            row=self._start.execution_id,
            column="output_sealed",
        )
        return self._outcome(
            output=result.output,
            sealed=sealed,
            labels=result.labels or self.labels,
            branch=result.branch,
            went_on=self._went_on,
        )

    def paused(self, pause: Pause) -> Outcome:
        return self._outcome(pause=pause)

    def failed(self, code: str, sentence: str, notes: Sequence[NodeNote] = ()) -> Outcome:
        self._note_all(notes)
        return self._outcome(error_code=code, error_sentence=sentence)

    def _outcome(self, **what: Any) -> Outcome:
        if self._decided is not None:
            self._settlements.append(self._decided.withdrawn())
        return Outcome(
            node_id=self.node_id,
            execution_id=self._start.execution_id,
            finished_at=now(),
            settlements=tuple(self._settlements),
            tool_settlements=tuple(self._tool_settlements),
            events=tuple(self._events),
            **what,
        )

    def _note_all(self, notes: Sequence[NodeNote]) -> None:
        for note in notes:
            self._note(note.event, **note.body)


def work(start: Start, live: LiveRun, decided: Decided | None = None) -> Outcome:
    """One attempt of a node, or what follows its pause. Whatever happens in it comes back as an outcome.

    Only where the database is away it raises what the database raised: that is no fault of the node.
    """
    door = NodeDoor(live=live, start=start, decided=decided)
    spec = start.spec
    kind, config = KINDS[spec.kind], spec.config
    try:
        inputs = start.scope.inputs_of(start.node)
        made = door.work(kind, config, inputs)
        return door.paused(made) if isinstance(made, Pause) else door.completed(made)
    except ClaimLost as lost:  # its wave will find that out, too, and let the run go
        return door.failed(lost.code, lost.sentence)
    except NodeFailed as failure:
        return door.failed(failure.code, failure.sentence, failure.notes)
    except GroveError as error:
        return door.failed(error.code, error.sentence)
    except Exception as error:
        if isinstance(error, DatabaseError) and writing.is_away(error):
            raise
        logger.exception("A node raised", extra={"node_kind": kind.name})
        sentence = f"Node “{start.node}” failed unexpectedly ({type(error).__name__})."
        return door.failed("internal_error", sentence)
