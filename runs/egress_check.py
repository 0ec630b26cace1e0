"""A report of what left the house against what is on record: for auditors who may look into the database.

What the file alone tells is checked by docs/verify_egress.py, without any of this.
"""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, Any, Final

import orjson
from django.db.models import Q

from compliance.labels import DataClass
from runs import egress_rows
from runs.egress_report import BATCH, ROWS, STATEMENT
from runs.egress_rows import Question
from runs.models import Run
from runs.records import check_record
from tenancy import statements
from tenancy.checkpoints import Verifier
from tenancy.errors import StatementInvalid
from tenancy.events import EventType
from tenancy.models import LedgerEntry, SigningKey, first_id

UNDER_WAY: Final = ("intended", "interrupted")  # what the end of such a call is may come later


def find_faults(file: IO[bytes]) -> Iterator[str]:
    """What does not hold, a sentence each, for the current tenant.

    1 the signature is of one of its keys, and the rows are the signed ones;
    2 the ledger has the entry of this report, with this digest;
    3 asked anew, the same calls are found; one that was under way then may have ended since;
    4 of every run of these days the ledger's digest holds, so that no call of it was removed or changed.

    Raises StatementInvalid where 1 does not hold.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            envelope, rows = orjson.loads(archive.read(STATEMENT)), archive.read(ROWS)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise StatementInvalid("This is not a report of what left the house.") from error
    statement = _read(envelope)
    digests = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    digest = hashlib.sha256(rows).hexdigest()
    if digests.get(ROWS) != digest:
        raise StatementInvalid(f"{ROWS} is not the file that was signed.")
    told = statement["predicate"]
    question = _question(told["question"])
    yield from _in_ledger(told["report"], digest)
    known = {row["id"]: row for row in map(orjson.loads, rows.splitlines())}
    yield from _asked_anew(question, known, told["made_at"])
    yield from _records(question)


def _read(envelope: Mapping[str, Any]) -> dict[str, Any]:
    for key in SigningKey.objects.order_by("-id"):
        try:
            return statements.read(envelope, Verifier(key.name, bytes(key.public_key)))
        except StatementInvalid:
            continue
    raise StatementInvalid("No key of this tenant signed this report, or it was changed since.")


def _question(asked: Mapping[str, str]) -> Question:
    return Question(
        since=date.fromisoformat(asked["since"]),
        until=date.fromisoformat(asked["until"]),
        goes_to=asked["to"],
        tag=asked["tag"],
        egress=asked["egress"],
        data_class=DataClass.from_word(asked["data_class"]),
    )


def _in_ledger(report: str, digest: str) -> Iterator[str]:
    found = LedgerEntry.objects.filter(
        event=EventType.EGRESS_EXPORTED, facts__report=report, facts__digest=digest
    )
    if not found.exists():
        yield f"The ledger has no entry of the report {report} with the digest {digest}."


def _asked_anew(
    question: Question, known: dict[str, dict[str, Any]], made_at: str
) -> Iterator[str]:
    made, after = datetime.fromisoformat(made_at), None
    missing = dict(known)
    while found := egress_rows.page(question, after=after, limit=BATCH):
        for row in found:
            told, now = missing.pop(str(row.id), None), row.to_json()
            if told is None:
                if row.at < made:
                    yield f"The call {row.id} is on record and not in the report."
            elif told["status"] not in UNDER_WAY and any(
                now.get(name) != told[name] for name in told
            ):
                yield f"The call {row.id} is on record as something else than in the report."
        after = found[-1].id
    for row_id in missing:
        yield f"The call {row_id} is in the report and not on record."


def _records(question: Question) -> Iterator[str]:
    begin = datetime.combine(question.since, time.min, UTC)
    end = datetime.combine(question.until, time.min, UTC) + timedelta(days=1)
    runs = Run.objects.filter(id__lt=first_id(end)).filter(
        Q(finished_at=None) | Q(finished_at__gte=begin)
    )
    for run in runs.iterator(chunk_size=BATCH):
        check = check_record(run)
        if check is not None and not check.holds:
            yield check.fault
    started = LedgerEntry.objects.filter(
        event=EventType.RUN_STARTED, id__gte=first_id(begin), id__lt=first_id(end)
    )
    for entry in started.iterator(chunk_size=BATCH):
        if not Run.objects.filter(pk=entry.subject_id).exists():
            yield f"The ledger says that the run {entry.subject_id} began; it is not on record."
