"""What left the house: did such a call leave, how many, and to where.

The rows behind an answer are those of the calls themselves (runs/egress_rows.py); runs/egress_report.py signs a report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from compliance.labels import DataClass
from runs import egress_rows
from runs.egress_rows import KINDS, Departure, Question
from runs.errors import EgressQuestionInvalid

LONGEST_DAYS: Final = 3_660
LAST_YEAR: Final = 9_000  # later ones do not fit into ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The calls to one place. `redacted` of them were masked before they left; to `unanswered` nobody answered.

    `not_sent` are not among the calls: nobody was there, so nothing left.
    """

    kind: str
    goes_to: str
    region: str
    egress: str
    calls: int
    unanswered: int
    not_sent: int
    redacted: int
    highest_class: int
    first_at: datetime
    last_at: datetime
    tags: Sequence[str]

    @property
    def kind_in_words(self) -> str:
        return KINDS[self.kind]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "to": self.goes_to,
            "region": self.region,
            "egress": self.egress,
            "calls": self.calls,
            "unanswered": self.unanswered,
            "not_sent": self.not_sent,
            "redacted": self.redacted,
            "highest_class": DataClass(self.highest_class).word,
            "first_at": to_moment(self.first_at),
            "last_at": to_moment(self.last_at),
            "tags": sorted({*self.tags}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Yes or no, with the counts. A call that nobody answered may have arrived all the same, so it counts.

    One that was not sent does not count: see workflows/departures.py.
    """

    question: Question
    totals: Sequence[Total]

    @property
    def calls(self) -> int:
        return sum(total.calls for total in self.totals)

    @property
    def unanswered(self) -> int:
        return sum(total.unanswered for total in self.totals)

    @property
    def not_sent(self) -> int:
        return sum(total.not_sent for total in self.totals)

    @property
    def redacted(self) -> int:
        return sum(total.redacted for total in self.totals)

    @property
    def word(self) -> str:
        """“yes”, “no”, or “unknown” where no call was answered and one may have arrived."""
        if not self.calls:
            return "no"
        return "yes" if self.calls > self.unanswered else "unknown"

    @property
    def sentence(self) -> str:
        beside = f" {_calls(self.not_sent)} found nobody there, so nothing of it was sent." * bool(
            self.not_sent
        )
        if not self.calls:
            return f"No:{beside}" if beside else "No: there is no such call."
        calls = _calls(self.calls)
        if self.word == "unknown":
            return (
                f"Perhaps: {calls} got no answer, so nobody knows whether anything arrived.{beside}"
            )
        masked = f"{self.redacted:,} of them masked before they left"
        if not self.unanswered:
            return f"Yes: {calls}, {masked}.{beside}"
        perhaps = f"To {self.unanswered:,} nobody answered; they may have arrived all the same."
        return f"Yes: {calls}, {masked}. {perhaps}{beside}"

    def to_json(self) -> dict[str, Any]:
        return {
            "question": self.question.to_json() | {"sentence": self.question.sentence},
            "answer": self.word,
            "sentence": self.sentence,
            "calls": self.calls,
            "unanswered": self.unanswered,
            "not_sent": self.not_sent,
            "redacted": self.redacted,
            "totals": [total.to_json() for total in self.totals],
        }


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def check(question: Question) -> None:
    """Raise EgressQuestionInvalid for days that are none or too many."""
    if question.until < question.since:
        raise EgressQuestionInvalid("The last day is before the first.")
    if (question.until - question.since).days > LONGEST_DAYS:
        raise EgressQuestionInvalid("At most ten years can be asked about at once.")
    if question.until.year > LAST_YEAR:
        raise EgressQuestionInvalid(f"The last day is after the year {LAST_YEAR}.")


def answer(question: Question) -> Answer:
    """Did such a call leave, how many, and to where? One query. Raises EgressQuestionInvalid."""
    check(question)
    found = egress_rows.totals(question)
    names = Total.__slots__
    return Answer(
        question=question,
        totals=tuple(Total(**dict(zip(names, row, strict=True))) for row in found),
    )


def rows(question: Question, *, after: UUID | None = None, limit: int = 50) -> list[Departure]:
    """These calls in the order in which they left, behind `after`. Raises EgressQuestionInvalid."""
    check(question)
    return egress_rows.page(question, after=after, limit=limit)


def to_moment(at: datetime) -> str:
    """In UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
