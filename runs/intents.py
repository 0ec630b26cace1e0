"""Intents: a decision, and the call that it allows, are on record before anything leaves.

What a tree of runs has touched so far is one row with a stamp (RunFacts). This process knows it from its own calls: so
a decision is made on what it knows, and written by one statement while the stamp still holds. Where somebody else
moved on meanwhile, the statement writes nothing and tells the facts as they are, and it is decided again.

Stamps are combined by exclusive or: whatever order calls are intended and settled in, who knows all of them has the
stamp of the row, and who missed one has not.

Nodes that ask at the same time are written by whoever comes first, together: one commit for all. What a node asks
first may ride in the wave that starts it: see runs/first_calls.py.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
from django.db import connection

from runs.checkpoint import Riding, Row, RunWave
from runs.errors import ClaimLost
from runs.models import RunFacts
from runs.outcomes import Settlement
from runs.tool_settlements import ToolSettlement
from tenancy.pgbackend.base import DatabaseWrapper
from tenancy.pgbackend.straight import BINARY, TEXT, Statement, bytea_array

INTEND: Final = Statement(  # runs/migrations/intend.sql
    b"SELECT grove_intend($1, $2, $3::text::jsonb, $4::bytea[])", (TEXT, TEXT, TEXT, BINARY)
)
NOBODY_KNOWS = -1  # no stamp is negative
STAMP_BITS = 62
# What a call changes of the facts as soon as it is on its way.
TOUCHED = (
    *("max_class", "tags", "tools_used", "destinations"),
    *("calls", "model_calls", "in_flight", "reserved_micros"),
)

COUNTED = ("calls", "model_calls", "in_flight", "reserved_micros")


class RegisterMoved(Exception):
    """Providers, groups or prices are no longer what the caller read: it has to look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be written: a decision and, where it allows, the call with the facts that follow from it.

    Rows are by column. `register` is the number of the register that it rests on; None where it rests on none.
    """

    run_id: UUID
    token: int
    register: int | None
    decision: Row
    earlier: tuple[Row, ...] = ()  # that the call was to be changed
    what: Literal["call", "tool"] = "call"  # of a model, or of a tool
    call: Row | None = None
    request_sealed: bytes = b""
    facts: RunFacts | None = None


Decide = Callable[
    [RunFacts, "UUID | None"], Draft
]  # the second one: a budget that does not allow it
_Drafted = tuple[Draft, int]  # with its stamp


@dataclass(slots=True, eq=False)
class _Asked:
    """One node's wish. `budget` is the one in whose way its last draft was."""

    decide: Decide
    budget: UUID | None = None
    draft: Draft | None = None
    error: Exception | None = None
    is_done: bool = False

    def end(self, error: Exception | None = None) -> None:
        self.error, self.is_done = error, True


@dataclass(frozen=True, slots=True)
class _Open:
    """A call that is on its way, as its settlement will change the facts."""

    reserved_micros: int
    stamp: int


@dataclass(slots=True, eq=False, weakref_slot=True)
class Intents:
    """Of one tree of runs, in this process. Any thread may call it."""

    root_run_id: UUID
    _known: RunFacts | None = None
    _open: dict[UUID, _Open] = field(default_factory=dict)
    _waiting: deque[_Asked] = field(default_factory=deque)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _change: threading.Lock = field(default_factory=threading.Lock)

    def record(self, decide: Decide) -> Draft:
        """Have it decided on the facts as they are and write what comes of it. `decide` may be called several times.

        Raises ClaimLost (the run was cancelled or taken up by another worker), RegisterMoved, and what `decide` raises.
        """
        asked = _Asked(decide)
        self._waiting.append(asked)
        if not self._turn.acquire(blocking=False):
            connection.close()  # whoever has the turn may need the one that is held here
            self._turn.acquire()
        try:
            while not asked.is_done:
                self._write_waiting()
        finally:
            self._turn.release()
        if asked.error is not None:
            raise asked.error
        assert asked.draft is not None  # noqa: S101 - done without an error
        return asked.draft

    def learn(self, facts: RunFacts) -> None:
        """These are on record. Who knows them already knows as much: a stamp tells who is behind."""
        with self._change:
            self._known = self._known or facts

    def stamp_of(self, call_id: UUID) -> int | None:
        """What the settlement of this call adds to the stamp; None for a call that this process does not know."""
        known = self._open.get(call_id)
        return known.stamp if known else None

    def note_settled(self, settled: Iterable[Settlement | ToolSettlement]) -> None:
        """These settlements have been committed, with their stamps."""
        with self._change:
            settled = list(settled)
            if self._known is not None:
                self._known = self._after(settled, self._known)
            for each in settled:
                self._open.pop(each.call_id, None)

    def ride(self, settled: Iterable[Settlement | ToolSettlement]) -> Ride | None:
        """Take the turn for a wave that settles these. None where somebody has it, or nobody here knows the facts."""
        if not self._turn.acquire(blocking=False):
            return None
        with self._change:
            if self._known is not None and not self._waiting:
                return Ride(intents=self, facts=self._after(settled, self._known))
        self.end_turn()
        return None

    def end_turn(self) -> None:
        self._turn.release()

    def _after(self, settled: Iterable[Settlement | ToolSettlement], facts: RunFacts) -> RunFacts:
        """These facts once the settlements are committed."""
        facts = _copied(facts)
        for each in settled:
            if (known := self._open.get(each.call_id)) is not None:
                facts.in_flight -= 1
                facts.reserved_micros -= known.reserved_micros
                facts.spent_micros += each.cost_micros if isinstance(each, Settlement) else 0
                facts.stamp ^= known.stamp
        return facts

    # -- with the turn in hand --------------------------------------------------------------------------------------

    def _write_waiting(self) -> None:
        """Decide and write what waits now, as far as it holds; what does not is decided again."""
        batch: list[_Asked] = []
        while self._waiting:
            batch.append(self._waiting.popleft())
        try:
            while left := [asked for asked in batch if not asked.is_done]:
                self._write(left)
        except Exception as error:  # noqa: BLE001 - each of them is told
            for asked in batch:
                if not asked.is_done:
                    asked.end(error)

    def _write(self, batch: list[_Asked]) -> None:
        with self._change:
            facts = self._known
        stamp = facts.stamp if facts is not None else NOBODY_KNOWS
        drafted = self._drafted(batch, facts) if facts is not None else []
        if facts is not None and not drafted:
            return
        rows = [_to_row(draft, stamp) for draft, stamp in drafted]
        requests = [draft.request_sealed for draft, _ in drafted if draft.call is not None]
        answer = _intend(self.root_run_id, stamp, rows, requests)
        written = drafted[: answer["written"]]
        if facts is not None:
            self.note_written(written, facts)
            for asked in batch[: len(written)]:
                asked.end()
        if answer.get("stop") == "facts":
            with self._change:
                self._known = RunFacts(**answer["facts"])
        elif answer.get("stop") is not None:
            _refuse(batch[len(written)], answer)

    def _drafted(self, batch: list[_Asked], facts: RunFacts) -> list[_Drafted]:
        """A draft of each, every one on the facts that the one before it leaves."""
        drafted = []
        for asked in batch:
            try:
                asked.draft = asked.decide(_copied(facts), asked.budget)
            except Exception as error:  # noqa: BLE001 - it is its own caller's
                asked.end(error)
                continue
            drafted.append((asked.draft, secrets.randbits(STAMP_BITS)))
            facts = asked.draft.facts or facts
        batch[:] = [asked for asked in batch if not asked.is_done]
        return drafted

    def note_written(self, drafted: Iterable[_Drafted], facts: RunFacts) -> None:
        """These are on record: the facts are those of the last of them. They were decided on `facts`."""
        drafted = list(drafted)
        for draft, _ in drafted:
            if draft.call is not None:
                reserved = draft.call.get("reserved_micros", 0)
                self._open[draft.call["id"]] = _Open(reserved, secrets.randbits(STAMP_BITS))
        calls = [(draft.facts, stamp) for draft, stamp in drafted if draft.facts is not None]
        if not calls:
            return
        with self._change:
            known = _copied(self._known or facts)  # calls may have been settled meanwhile
            for name in TOUCHED:
                before, after = getattr(facts, name), getattr(calls[-1][0], name)
                if name in COUNTED:
                    after += getattr(known, name) - before
                setattr(known, name, after)
            for _, stamp in calls:
                known.stamp ^= stamp
            self._known = known


@dataclass(slots=True)
class Ride:
    """Intents that go on record with a wave, and hold once what the wave settles is settled. The turn is in hand."""

    intents: Intents
    facts: RunFacts  # after the wave's settlements, and before what rides
    _drafted: list[_Drafted] = field(default_factory=list)
    _boarded: int = 0

    def draft(self, decide: Decide) -> Draft | None:
        """What comes of it, where that is a call; None where something stands in its way."""
        sofar = self._drafted[-1][0].facts if self._drafted else self.facts
        draft = decide(_copied(sofar or self.facts), None)
        if draft.call is None:
            return None
        self._drafted.append((draft, secrets.randbits(STAMP_BITS)))
        return draft

    def board(self, wave: RunWave) -> None:
        """Put what was drafted since the last time into the wave of its run."""
        stamp = self.facts.stamp
        for _, one in self._drafted[: self._boarded]:
            stamp ^= one
        new, self._boarded = self._drafted[self._boarded :], len(self._drafted)
        if new:
            wave.riding = Riding(
                row={
                    "root": self.intents.root_run_id,
                    "expected": stamp,
                    "asked": [_to_row(draft, one) for draft, one in new],
                },
                requests=[draft.request_sealed for draft, _ in new if draft.call],
            )

    def note(self, written: Container[UUID]) -> None:
        """The wave is on record, and these of its calls; what it settled has been noted."""
        kept = [each for each in self._drafted if each[0].call and each[0].call["id"] in written]
        self.intents.note_written(kept, self.facts)

    def end(self) -> None:
        """Give the turn back."""
        self.intents.end_turn()


def of(root_run_id: UUID) -> Intents:
    """Those of this tree: the same for all of its runs that this process holds."""
    with _change:
        found = _kept.get(root_run_id)
        if found is None:
            found = _kept[root_run_id] = Intents(root_run_id)
        return found


def _intend(root: UUID, stamp: int, rows: list[Row], requests: list[bytes]) -> Mapping[str, Any]:
    """What grove_intend says."""
    asked = (str(root).encode(), b"%d" % stamp, orjson.dumps(rows), bytea_array(requests))
    answer = cast("DatabaseWrapper", connection).ask(INTEND, *asked)
    return cast("Mapping[str, Any]", orjson.loads(answer or b"{}"))


def _refuse(asked: _Asked, answer: Mapping[str, Any]) -> None:
    """This one was not written, for a reason that is not the facts'."""
    match answer["stop"]:
        case "claim":
            asked.end(ClaimLost())
        case "register":
            asked.end(RegisterMoved())
        case "budget":
            asked.budget = UUID(answer["budget"])


def _to_row(draft: Draft, stamp: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run": draft.run_id,
        "token": draft.token,
        "register": draft.register,
        "decision": draft.decision,
    }
    if draft.earlier:
        row["earlier"] = draft.earlier
    if draft.call is not None and draft.facts is not None:
        row[draft.what] = draft.call
        row["facts"] = {name: getattr(draft.facts, name) for name in TOUCHED}
        row["stamp"] = stamp
    return row


def _copied(facts: RunFacts) -> RunFacts:
    """To be changed apart from them. They are a value here, and never saved: copy() would ask Django for its state."""
    other = RunFacts.__new__(RunFacts)
    other.__dict__ = facts.__dict__.copy()
    return other


_kept: WeakValueDictionary[UUID, Intents] = WeakValueDictionary()
_change = threading.Lock()
