"""A signed report of what left the house: one zip file that is checked without Grove (docs/verify_egress.py).

    rows.ndjson      the calls, a JSON object a line
    rows.csv         the same for a spreadsheet
    statement.json   the answer and the SHA-256 of both, signed with the key of the tenant's ledger (DSSE, in-toto)

The counts of the statement are taken from the rows as they are written, so that the two never disagree.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any, Final
from uuid import UUID

import orjson
from django.db import transaction
from django.utils.timezone import now

from runs import egress_rows
from runs.egress import Answer, Total, check, to_moment
from runs.egress_rows import Departure, Question
from runs.errors import EgressQuestionInvalid
from tenancy import ledger, spreadsheets, statements
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.events import EventType
from tenancy.models import LedgerCheckpoint, new_id

PREDICATE: Final = "urn:grove:egress-report:1"
ROWS, TABLE, STATEMENT = "rows.ndjson", "rows.csv", "statement.json"
MOST_ROWS: Final = 200_000  # of one report: more are asked for in parts
BATCH: Final = 2_000
COLUMNS: Final = (
    "id", "kind", "at", "to", "via", "region", "egress", "data_class", "tags", "redactions", "model_asked",
    "model_answered", "status", "error_kind", "answered", "sent", "run", "node", "decision", "policy_number",
    "policy_digest",
)  # fmt: skip
HEADER: Final = ",".join(COLUMNS) + "\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was written: the answer, the number of rows, and the signed statement about them."""

    answer: Answer
    rows: int
    statement: Mapping[str, Any]


def write(question: Question, *, file: IO[bytes], by: Actor) -> Report:
    """Write the zip file; that it was made is on record. Memory does not grow with the rows.

    Raises EgressQuestionInvalid, also for more than 200,000 rows.
    """
    check(question)
    counts = _Counts(question)
    with TemporaryFile() as rows, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in _all(question):
            counts.add(row)
            rows.write(orjson.dumps(row.to_json()) + b"\n")
        rows.seek(0)
        digests = {ROWS: _put(archive, ROWS, rows)}
        rows.seek(0)
        table = _to_lines(orjson.loads(line) for line in rows)
        digests[TABLE] = _put(archive, TABLE, (line.encode() for line in chain([HEADER], table)))
        answer = counts.answer()
        statement = _sign(answer, counts.rows, digests, by)
        archive.writestr(STATEMENT, orjson.dumps(statement, option=orjson.OPT_INDENT_2))
    return Report(answer=answer, rows=counts.rows, statement=statement)


def table_part(question: Question, *, after: UUID | None) -> tuple[str, UUID | None]:
    """The next 2,000 rows as CSV, unsigned, and the id of the last of them; None behind the end.

    What a spreadsheet would take for a formula begins with an apostrophe. Raises EgressQuestionInvalid.
    """
    check(question)
    found = egress_rows.page(question, after=after, limit=BATCH)
    text = "".join(_to_lines(row.to_json() for row in found))
    return text, found[-1].id if len(found) == BATCH else None


class _Counts:
    """What the statement says of the rows, added up while they pass."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.rows = 0
        self._places: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def add(self, row: Departure) -> None:
        """Raises EgressQuestionInvalid for one too many."""
        self.rows += 1
        if self.rows > MOST_ROWS:
            raise EgressQuestionInvalid(
                f"A report holds {MOST_ROWS:,} calls, and these are more. Ask for fewer days at once."
            )
        key = (row.kind, row.goes_to, row.region, row.egress)
        place = self._places.setdefault(key, _empty_place(row))
        place["calls"] += row.sent
        place["unanswered"] += row.sent and not row.answered
        place["not_sent"] += not row.sent
        place["redacted"] += row.sent and bool(row.redactions)
        place["highest_class"] = max(place["highest_class"], row.data_class)
        place["first_at"] = min(place["first_at"], row.at)
        place["last_at"] = max(place["last_at"], row.at)
        place["tags"].update(row.tags)

    def answer(self) -> Answer:
        totals = [
            Total(kind=kind, goes_to=goes_to, region=region, egress=egress, **place)
            for (kind, goes_to, region, egress), place in self._places.items()
        ]
        totals.sort(key=lambda each: (-each.calls, each.goes_to, each.kind))
        return Answer(question=self.question, totals=totals)


def _empty_place(row: Departure) -> dict[str, Any]:
    counts = {"calls": 0, "unanswered": 0, "not_sent": 0, "redacted": 0, "highest_class": 0}
    return {**counts, "first_at": row.at, "last_at": row.at, "tags": set()}


def _all(question: Question) -> Iterator[Departure]:
    after: UUID | None = None
    while found := egress_rows.page(question, after=after, limit=BATCH):
        yield from found
        after = found[-1].id


def _put(archive: zipfile.ZipFile, name: str, lines: Iterable[bytes]) -> str:
    """Write these lines under this name; their SHA-256 in hex."""
    digest = hashlib.sha256()
    with archive.open(name, "w") as written:
        for line in lines:
            digest.update(line)
            written.write(line)
    return digest.hexdigest()


@transaction.atomic
def _sign(answer: Answer, rows: int, digests: Mapping[str, str], by: Actor) -> Mapping[str, Any]:
    report_id, tenant = new_id(), current_tenant()
    checkpoint = LedgerCheckpoint.objects.order_by("-size").first()
    told = answer.to_json() | {
        "report": str(report_id),
        "tenant": str(tenant.pk),
        "made_at": to_moment(now()),
        "rows": rows,
        "checkpoint": checkpoint.note if checkpoint else None,
    }
    ledger.append(
        EventType.EGRESS_EXPORTED,
        subject=tenant,
        by=by,
        report=str(report_id),
        question=answer.question.to_json(),
        answer=answer.word,
        calls=answer.calls,
        digest=digests[ROWS],
    )
    return statements.sign(subjects=digests, predicate_type=PREDICATE, predicate=told)


def _to_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    return spreadsheets.to_lines(_to_cells(row) for row in rows)


def _to_cells(row: dict[str, Any]) -> list[object]:
    policy = row["policy"] or {"number": "", "digest": ""}
    told = row | {"policy_number": policy["number"], "policy_digest": policy["digest"]}
    return [told[name] for name in COLUMNS]
