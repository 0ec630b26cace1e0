"""The hot path: what a wave changes, as rows, and the one statement that writes them.

With hot_path.py and intents.py the only module of this floor that goes around the ORM; its SQL is
runs/migrations/checkpoint.sql.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import orjson
from django.db import connection

from runs.models import ModelCall, RunClaim, RunEvent
from tenancy.models import new_id_text
from tenancy.pgbackend.base import DatabaseWrapper
from tenancy.pgbackend.straight import BINARY, TEXT, Statement, bytea_array

CHECKPOINT: Final = Statement(
    b"SELECT grove_checkpoint($1::text::jsonb, $2::bytea[])", (TEXT, BINARY)
)
RIDE: Final = Statement(  # runs/migrations/intend.sql
    b"SELECT grove_ride($1::text::jsonb, $2::bytea[])", (TEXT, BINARY)
)
EMIT: Final = "SELECT grove_emit(%s, %s::text::jsonb)"
LISTS: Final = ("started", "finished", "moved", "calls", "tools")

Row = dict[str, Any]


@dataclass(slots=True)
class RunWave:
    """What one run brings to a wave. A payload is named by its place in `payloads`, counted from 1 on writing.

    An execution that starts and ends within the wave is one row in `started`.
    """

    run: Row
    started: list[Row] = field(default_factory=list)
    finished: list[Row] = field(default_factory=list)
    moved: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    tools: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    facts_of: UUID | None = None  # its tree's root, where intents may follow in the same commit
    riding: "Riding | None" = None  # those that do: see runs/intents.py
    given_up: list[tuple[str, int]] = field(
        default_factory=list
    )  # paths and attempts: what they asked is withdrawn

    def keep(self, payload: bytes | None) -> int | None:
        """Put a sealed payload into the wave; its number goes into the row."""
        if payload is None:
            return None
        self.payloads.append(payload)
        return len(self.payloads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Riding:
    """Intents of the nodes that a wave starts, as grove_ride reads them, and their sealed requests in order."""

    row: Row
    requests: list[bytes]


def event(name: str, at: datetime, node_id: str = "", **body: Any) -> Row:
    """A row for the run's events. The body holds names and numbers, never content."""
    return {"id": new_id_text(), "name": name, "node_id": node_id, "at": at, "body": body}


class Meanwhile:
    """What there is to do while the server writes: mostly nothing. Waves that are written again ask again for both."""

    def board(self) -> None:
        """Put into the waves what rides with them; the server is at the first statement."""

    def begin(self) -> None:
        """All is with the server, and nothing on record yet."""


NOTHING: Final = Meanwhile()


def write(waves: Sequence[RunWave], meanwhile: Meanwhile = NOTHING) -> set[UUID]:
    """Write these waves (all of the current tenant) in one statement, and what rides with them by another one in the
    same commit.

    Returns the runs whose claim still holds, and the calls among what rides that are on record now.
    """
    with _database().straight() as sending:
        sending.send(CHECKPOINT, *_merged(waves))
        if any(wave.facts_of for wave in waves):
            meanwhile.board()
            if riding := [wave.riding for wave in waves if wave.riding]:
                sending.send(RIDE, *_merged_riding(riding))
                meanwhile.begin()
    return {UUID(id) for answer in sending.answers for id in _ids(answer)}


def _ids(answer: bytes | None) -> list[str]:
    """Of a uuid[] as PostgreSQL writes it."""
    inside = (answer or b"{}").decode("ascii")[1:-1]
    return inside.split(",") if inside else []


def _merged(waves: Sequence[RunWave]) -> tuple[bytes, bytes]:
    """What grove_checkpoint takes."""
    merged: dict[str, list[Any]] = {"runs": []}
    payloads: list[bytes] = []
    for wave in waves:
        offset = len(payloads)
        payloads.extend(wave.payloads)
        merged["runs"].append(_moved(wave.run | {"events": wave.events}, offset))
        for name in LISTS:
            if rows := getattr(wave, name):
                merged.setdefault(name, []).extend(_moved(row, offset) for row in rows)
        if wave.facts_of:
            merged.setdefault("facts_of", []).append(wave.facts_of)
    return orjson.dumps(merged), bytea_array(payloads)


def _merged_riding(riding: Iterable[Riding]) -> tuple[bytes, bytes]:
    """What grove_ride takes."""
    rows: list[Row] = []
    requests: list[bytes] = []
    for each in riding:
        first = len(requests) + 1
        requests.extend(each.requests)
        rows.append(each.row | {"requests": list(range(first, len(requests) + 1))})
    return orjson.dumps(rows), bytea_array(requests)


def find_written(waves: Sequence[RunWave]) -> set[UUID]:
    """The runs whose waves are on record already, and the calls, from an attempt that ended without an answer.

    Waves that were written together arrived together, with whatever else was in that transaction; one that tells
    nothing leaves no trace of its own. A run that goes on is found only while its claim still holds: when the database
    was away, others took this worker for dead.
    """
    first_events = [wave.events[0]["id"] for wave in waves if wave.events]
    written = set(RunEvent.objects.filter(pk__in=first_events).values_list("run_id", flat=True))
    if not written:
        return set()
    held = set(
        RunClaim.objects.filter(
            run_id__in=[wave.run["id"] for wave in waves], worker_id__isnull=False
        ).values_list("run_id", "token")
    )
    found = {
        run["id"]
        for wave in waves
        if (run := wave.run)["id"] in written or not wave.events
        if run["ends"] or run["parks"] or (run["id"], run["token"]) in held
    }
    rode = [row["call"]["id"] for wave in waves if wave.riding for row in wave.riding.row["asked"]]
    calls = ModelCall.objects.filter(pk__in=rode).values_list("pk", flat=True) if rode else ()
    return {*found, *calls}


def emit(run_id: UUID, events: Iterable[Row]) -> int | None:
    """Add events to a run outside a wave, in the caller's transaction. Returns the last number given."""
    with _database().server_cursor() as cursor:
        cursor.execute(EMIT, (run_id, orjson.dumps(list(events)).decode()))
        row = cursor.fetchone()
    return cast("int | None", row[0] if row else None)


def _moved(row: Row, offset: int) -> Row:
    """The row with its payloads named by their places in the whole wave."""
    if not offset:
        return row
    return row | {name: row[name] + offset for name in ("payload", "response") if row.get(name)}


def _database() -> DatabaseWrapper:
    return cast("DatabaseWrapper", connection)
