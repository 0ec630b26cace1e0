"""What left the house: every call of a model or tool, with what it carried, where it went and who answered.

The rows are those of the calls themselves, written before each left; they hold labels and names, never content, and
stay when a run is disposed of.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils.timezone import now

from compliance.labels import DataClass
from runs.errors import EgressQuestionInvalid
from tenancy import ledger, statements
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.events import EventType
from tenancy.models import first_id, new_id

PREDICATE: Final = "urn:grove:egress-report:1"
MOST_ROWS: Final = 100_000  # of one report: more are asked for in parts
BATCH: Final = 2_000
LONGEST_DAYS: Final = 3_660
NOWHERE: Final = UUID(int=0)

_CALLS = """
    SELECT c.id, 'model' AS kind, c.started_at, c.provider AS goes_to, d.name AS via, c.region, c.egress, c.data_class,
           c.tags, c.redactions, c.model_requested, c.model_answered, c.status, c.error_kind, c.run_id, c.node_id,
           c.decision_id
    FROM runs_modelcall c JOIN workflows_deployment d ON d.tenant_id = c.tenant_id AND d.id = c.deployment_id
    WHERE c.tenant_id = %(tenant)s AND c.id >= %(first)s AND c.id < %(end)s AND c.id > %(after)s
  UNION ALL
    SELECT c.id, 'tool', c.started_at, c.destination, c.tool, c.region, c.egress, c.data_class,
           c.tags, c.redactions, '', '', c.status, c.error_kind, c.run_id, c.node_id, c.decision_id
    FROM runs_toolcall c
    WHERE c.tenant_id = %(tenant)s AND c.id >= %(first)s AND c.id < %(end)s AND c.id > %(after)s
"""
_MATCHING = """
    (%(goes_to)s = '' OR goes_to = %(goes_to)s) AND (%(tag)s = '' OR %(tag)s = ANY(tags))
    AND (%(egress)s = '' OR egress = %(egress)s) AND data_class >= %(data_class)s
"""
_ROWS = f"""
SELECT asked.*, p.number, p.digest FROM (
    SELECT * FROM ({_CALLS}) AS calls WHERE {_MATCHING} ORDER BY id LIMIT %(limit)s
) AS asked
JOIN runs_decision x ON x.tenant_id = %(tenant)s AND x.id = asked.decision_id
JOIN compliance_policysnapshot p ON p.tenant_id = %(tenant)s AND p.id = x.snapshot_id
ORDER BY asked.id
"""  # noqa: S608 - the parts are the constants above
_TOTALS = f"""
SELECT kind, goes_to, region, egress, count(*), count(*) FILTER (WHERE redactions <> '{{}}'), max(data_class),
       min(started_at), max(started_at),
       (SELECT array_agg(DISTINCT tag)
        FROM unnest(string_to_array(string_agg(array_to_string(tags, ','), ','), ',')) tag WHERE tag <> '')
FROM ({_CALLS}) AS calls WHERE {_MATCHING}
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 2
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which calls are meant: of these days (UTC, both included). An empty word leaves that open."""

    since: date
    until: date
    goes_to: str = ""  # the name of a provider, destination or storage profile
    tag: str = ""  # PII, PHI …
    egress: str = ""  # external or internal
    data_class: DataClass = DataClass.PUBLIC  # that class or a higher one

    def to_json(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "to": self.goes_to,
            "tag": self.tag,
            "egress": self.egress,
            "data_class": self.data_class.word,
        }

    @property
    def sentence(self) -> str:
        """“Did any PHI go to “x” between … and …?”."""
        what = self.tag or "data"
        if self.data_class > DataClass.PUBLIC:
            what = f"{self.data_class.word} {what}"
        where = f"to “{self.goes_to}”" if self.goes_to else "to anybody"
        inside = {"external": " outside", "internal": " inside"}.get(self.egress, "")
        return f"Did any {what} go {where}{inside} from {self.since} to {self.until} (UTC)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One call that left, or may have left. `via` is the deployment or the tool."""

    id: UUID
    kind: str
    at: datetime
    goes_to: str
    via: str
    region: str
    egress: str
    data_class: int
    tags: Sequence[str]
    redactions: Sequence[str]
    model_asked: str
    model_answered: str
    status: str
    error_kind: str
    run_id: UUID
    node_id: str
    decision_id: UUID
    policy_number: int
    policy_digest: str

    def to_json(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "kind": self.kind,
            "at": self.at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "to": self.goes_to,
            "via": self.via,
            "region": self.region,
            "egress": self.egress,
            "data_class": DataClass(self.data_class).word,
            "tags": sorted(self.tags),
            "redactions": list(self.redactions),
            "model_asked": self.model_asked,
            "model_answered": self.model_answered,
            "status": self.status,
            "error_kind": self.error_kind,
            "run": str(self.run_id),
            "node": self.node_id,
            "decision": str(self.decision_id),
            "policy": {"number": self.policy_number, "digest": self.policy_digest},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The calls to one place. `redacted` of them were masked before they left."""

    kind: str
    goes_to: str
    region: str
    egress: str
    calls: int
    redacted: int
    highest_class: int
    first_at: datetime
    last_at: datetime
    tags: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "to": self.goes_to,
            "region": self.region,
            "egress": self.egress,
            "calls": self.calls,
            "redacted": self.redacted,
            "highest_class": DataClass(self.highest_class).word,
            "first_at": self.first_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "last_at": self.last_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "tags": sorted(self.tags),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Yes or no, with the counts. A call whose end nobody knows counts as one that left."""

    question: Question
    totals: Sequence[Total]

    @property
    def calls(self) -> int:
        return sum(total.calls for total in self.totals)

    @property
    def redacted(self) -> int:
        return sum(total.redacted for total in self.totals)

    @property
    def is_yes(self) -> bool:
        return self.calls > 0

    @property
    def sentence(self) -> str:
        if not self.is_yes:
            return "No: there is no such call."
        calls = "1 call" if self.calls == 1 else f"{self.calls:,} calls"
        return f"Yes: {calls}; {self.redacted:,} of them were masked before they left."

    def to_json(self) -> dict[str, Any]:
        return {
            "question": self.question.to_json() | {"sentence": self.question.sentence},
            "answer": "yes" if self.is_yes else "no",
            "sentence": self.sentence,
            "calls": self.calls,
            "redacted": self.redacted,
            "totals": [total.to_json() for total in self.totals],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An answer with its rows, as bytes (a JSON object a line) that the statement commits to."""

    answer: Answer
    rows: bytes
    statement: Mapping[str, Any]


def check(question: Question) -> None:
    """Raise EgressQuestionInvalid for days that are none or too many."""
    if question.until < question.since:
        raise EgressQuestionInvalid("The last day is before the first.")
    if (question.until - question.since).days > LONGEST_DAYS:
        raise EgressQuestionInvalid("At most ten years can be asked about at once.")


def answer(question: Question) -> Answer:
    """Did such a call leave, how many, and to where? One query. Raises EgressQuestionInvalid."""
    check(question)
    rows = _fetch(_TOTALS, _asked(question))
    return Answer(
        question=question,
        totals=tuple(
            Total(
                kind=row[0],
                goes_to=row[1],
                region=row[2],
                egress=row[3],
                calls=row[4],
                redacted=row[5],
                highest_class=row[6],
                first_at=row[7],
                last_at=row[8],
                tags=row[9] or (),
            )
            for row in rows
        ),
    )


def rows(question: Question, *, after: UUID | None = None, limit: int = 50) -> list[Departure]:
    """These calls in the order in which they left, behind `after`. Raises EgressQuestionInvalid."""
    check(question)
    found = _fetch(_ROWS, _asked(question) | {"after": after or NOWHERE, "limit": limit})
    return [Departure(**dict(zip(Departure.__slots__, row, strict=True))) for row in found]


@transaction.atomic
def report(question: Question, *, by: Actor) -> Report:
    """The answer, its rows, and a signed statement about both; making one is on record itself.

    Raises EgressQuestionInvalid, also for more than 100,000 rows.
    """
    found = answer(question)
    if found.calls > MOST_ROWS:
        raise EgressQuestionInvalid(
            f"That is {found.calls:,} calls; a report holds {MOST_ROWS:,}. Ask for fewer days at once."
        )
    lines = b"".join(orjson.dumps(each.to_json()) + b"\n" for each in _all(question))
    digest = hashlib.sha256(lines).hexdigest()
    told = found.to_json() | {"rows": lines.count(b"\n")}
    report_id = new_id()
    statement = statements.sign(
        subject=f"egress-{question.since}-{question.until}.ndjson",
        sha256=digest,
        predicate_type=PREDICATE,
        predicate=told
        | {
            "tenant": str(current_tenant().pk),
            "made_at": now().isoformat(),
            "report": str(report_id),
        },
    )
    ledger.append(
        EventType.EGRESS_EXPORTED,
        subject=current_tenant(),
        by=by,
        report=str(report_id),
        question=question.to_json(),
        answer=told["answer"],
        calls=found.calls,
        digest=digest,
    )
    return Report(answer=found, rows=lines, statement=statement)


def _all(question: Question) -> Iterator[Departure]:
    after: UUID | None = None
    while found := rows(question, after=after, limit=BATCH):
        yield from found
        after = found[-1].id


def _asked(question: Question) -> dict[str, Any]:
    begin = datetime.combine(question.since, time.min, UTC)
    end = datetime.combine(question.until + timedelta(days=1), time.min, UTC)
    return {
        "tenant": current_tenant().pk,
        "first": first_id(begin),
        "end": first_id(end),
        "after": NOWHERE,
        "goes_to": question.goes_to,
        "tag": question.tag,
        "egress": question.egress,
        "data_class": int(question.data_class),
    }


def _fetch(query: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return list(cursor.fetchall())
