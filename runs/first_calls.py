"""First calls: what a node asks a model first is decided before it starts, and on record with the wave that starts it.

One commit for the end of one node, the start of the next and the intent of its call, which is decided while the server
writes the wave. Only a call that may be made just like that rides, and only where a thread waits for its node: that
makes the call ready meanwhile, and it leaves with the commit. Whatever stands in the way, or changes before the commit,
the node finds out by itself at the governed door, as with each of its further calls.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.timezone import now

from compliance import policies
from compliance.labels import Labels
from runs.checkpoint import Meanwhile
from runs.errors import ClaimLost
from runs.failover import Note, Road
from runs.governed_calls import Caller, ModelAct
from runs.intents import Draft, Intents, Ride
from runs.kinds import KINDS
from runs.live_run import SMALL_BYTES, LiveRun, Start
from runs.outcomes import Outcome, Settlement
from runs.wishes import Wish
from runs.writing import Step
from workflows.departures import WITHDRAWN
from workflows.nodes import FirstCall
from workflows.providers import routes
from workflows.providers.contract import ModelRequest


class NotAboard(Exception):
    """The wave is on record, and this call is not: it is to be decided on like any other."""


class Boarding:
    """What became of the wave, and of one call that was to ride with it; whoever asks waits until that is known."""

    def __init__(self) -> None:
        self._is_known = threading.Event()
        self._wave = self._call = False

    def tell(self, *, wave: bool, call: bool) -> None:
        """Whether they are on record. Told once; what is told later is not heard."""
        if not self._is_known.is_set():
            self._wave, self._call = wave, call
            self._is_known.set()

    def await_wave(self) -> None:
        """Raises ClaimLost: a node that is not on record as started must not do anything."""
        self._is_known.wait()
        if not self._wave:
            raise ClaimLost("The start of this node did not get on record.")

    def await_call(self) -> None:
        """Raises ClaimLost and NotAboard."""
        self.await_wave()
        if not self._call:
            raise NotAboard


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A call that is on record, or about to be, and has not left: how its node comes to it, and what was decided."""

    group: str
    request: ModelRequest
    labels: Labels
    road: Road
    planned: tuple[ModelAct, Note | None]
    draft: Draft
    final: Wish  # with all that was owed
    boarding: Boarding = field(default_factory=Boarding, compare=False)

    @property
    def act(self) -> ModelAct:
        return self.planned[0]

    @property
    def call_id(self) -> UUID:
        assert self.draft.call is not None  # noqa: S101 - nothing else rides
        call_id: UUID = self.draft.call["id"]
        return call_id

    def is_of(self, group: str, request: ModelRequest, labels: Labels) -> bool:
        """Whether this is what the node asks."""
        return (self.group, self.request, self.labels) == (group, request, labels)

    def never_begun(self, start: Start) -> Outcome:
        """What comes of an attempt that was given up before it began."""
        return Outcome(
            node_id=start.path,
            execution_id=start.execution_id,
            finished_at=now(),
            error_code="given_up",
            error_sentence="This attempt was given up before it began.",
            settlements=(self.withdrawn(),),
        )

    def withdrawn(self) -> Settlement:
        """Its node came to an end, or to another call: nothing left, and nothing was spent."""
        sentence = "This call was allowed and never made: its node ended before."
        return Settlement.failed(self.call_id, WITHDRAWN, sentence)


# Threads that have been told run once this one lets the interpreter go: by itself it would when it has all else done.
GIVE_WAY_SECONDS = 0.00002

Begin = Callable[[LiveRun, Start, Decided], None]


@dataclass(slots=True)
class FirstCalls(Meanwhile):
    """Those of one wave, by the execution that each begins. `start` lets such a node make its call ready."""

    steps: Sequence[Step]
    room: int  # as many nodes find a thread
    start: Begin
    _is_aboard: bool = False
    _rides: dict[Intents, Ride | None] = field(default_factory=dict)
    _decided: dict[UUID, Decided] = field(default_factory=dict)
    _ready: list[tuple[LiveRun, Start, Decided]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for step in self.steps if self.room > 0 else ():
            if any(_may_call(step.live, start) for start in step.starting):
                # What is not read now cannot be while the wave is written.
                with suppress(Exception):
                    routes.kept()
                    policies.engine_for(step.live.snapshot_id)
                    step.wave.facts_of = step.live.root_run_id

    def has_begun(self, start: Start) -> bool:
        """Whether this attempt is at work already."""
        return start.execution_id in self._decided

    def note(self, written: set[UUID], holds: Callable[[LiveRun], bool]) -> None:
        """The wave is on record: the runs and calls that are among `written`. Of runs that this process still `holds`,
        what was decided may leave: while the database was away another worker may have taken one up."""
        lives = [step.live for step in self.steps if step.live.run_id in written]
        held = {live.run_id for live in lives if holds(live)}
        for decided in self._decided.values():
            decided.boarding.tell(
                wave=decided.draft.run_id in held, call=decided.call_id in written
            )
        if self._decided:
            time.sleep(GIVE_WAY_SECONDS)
        for step in self.steps:
            if step.live.run_id in written:
                for outcome in step.outcomes:
                    step.live.intents.note_settled(
                        (*outcome.settlements, *outcome.tool_settlements)
                    )
        for ride in self._rides.values():
            if ride is not None:
                ride.note(written)
        self.begin()  # whoever has not yet

    def board(self) -> None:
        """Decide, and put it into the waves; once, however often they are written."""
        if self._is_aboard:
            return
        self._is_aboard = True
        for step in self.steps:
            if step.wave.facts_of is None or (ride := self._ride_of(step.live)) is None:
                continue
            for start in step.starting:
                if len(self._decided) < self.room and _may_call(step.live, start):
                    # Whatever goes wrong, the node meets it, too, and it is the node's.
                    with suppress(Exception):
                        if decided := _decide(step.live, start, ride):
                            self._decided[start.execution_id] = decided
                            self._ready.append((step.live, start, decided))
            ride.board(step.wave)

    def begin(self) -> None:
        """Let these nodes make ready what was decided. Nothing leaves before it is on record."""
        ready, self._ready = self._ready, []
        for each in ready:
            self.start(*each)

    def _ride_of(self, live: LiveRun) -> Ride | None:
        intents = live.intents
        if intents not in self._rides:
            outcomes = [
                outcome
                for step in self.steps
                for outcome in step.outcomes
                if step.live.intents is intents
            ]
            settled = [each for outcome in outcomes for each in outcome.settlements]
            tools = [each for outcome in outcomes for each in outcome.tool_settlements]
            self._rides[intents] = intents.ride([*settled, *tools])
        return self._rides[intents]

    def leave(self) -> None:
        """Give back the turns that were taken. Whoever still waits learns that nothing came of it."""
        for decided in self._decided.values():
            decided.boarding.tell(wave=False, call=False)
        for ride in self._rides.values():
            if ride is not None:
                ride.end()


@contextmanager
def riding(steps: Sequence[Step], *, room: int, start: Begin) -> Iterator[FirstCalls]:
    """The first calls of up to `room` nodes that start. The block writes the waves of these steps; meanwhile they are
    decided, and made ready by `start`."""
    first = FirstCalls(steps, room, start)
    try:
        yield first
    finally:
        first.leave()


def _may_call(live: LiveRun, start: Start) -> bool:
    """Whether the node begins with a call, and with little to read: here nobody may be kept waiting."""
    names_it = KINDS[start.spec.kind].first_call is not None
    return names_it and start.pause is None and live.is_small(start)


def _first_call(start: Start) -> FirstCall | None:
    """What the node begins with, where that is small."""
    first_call = KINDS[start.spec.kind].first_call
    call = first_call and first_call(start.spec.config, start.scope.inputs_of(start.node))
    if call and sum(len(each["content"]) for each in call.messages) <= SMALL_BYTES:
        return call
    return None


def _decide(live: LiveRun, start: Start, ride: Ride) -> Decided | None:
    """Plan and decide as the governed door does; None where something stands in the way."""
    call = _first_call(start)
    if call is None:
        return None
    labels = live.labels_into(start)
    request = ModelRequest.of(
        messages=call.messages,
        schema=call.schema,
        max_tokens=call.max_tokens,
        temperature=call.temperature,
        timeout_seconds=call.timeout_seconds,
    )
    road = Road(live, call.model_group, labels)
    planned = road.next_act(request, may_try=False)
    caller = Caller(live=live, node_id=start.path, attempt=live.attempts[start.path])
    wish = Wish(caller, planned[0], labels, frozenset())
    draft = ride.draft(wish.decide)
    if draft is None:
        return None
    return Decided(
        group=call.model_group,
        request=request,
        labels=labels,
        road=road,
        planned=planned,
        draft=draft,
        final=wish.final,
    )
