"""Questions about what left the house, as people and programs write them in an address."""

from collections.abc import Mapping
from datetime import date, timedelta

from django.utils.timezone import now

from compliance.labels import DataClass
from runs.egress_rows import Question
from runs.errors import EgressQuestionInvalid

USUAL_DAYS = 7
EGRESS = ("", "external", "internal")


def read(asked: Mapping[str, str]) -> Question:
    """`since`, `until` (days, UTC), `to`, `tag`, `egress`, `data_class`; the last week where nothing is said.

    Raises EgressQuestionInvalid.
    """
    today = now().date()
    egress = asked.get("egress", "").strip()
    if egress not in EGRESS:
        raise EgressQuestionInvalid("`egress` is external, internal or empty.")
    return Question(
        since=_day(asked, "since", today - timedelta(days=USUAL_DAYS)),
        until=_day(asked, "until", today),
        goes_to=asked.get("to", "").strip()[:100],
        tag=asked.get("tag", "").strip().upper()[:64],
        egress=egress,
        data_class=_class(asked.get("data_class", "").strip() or DataClass.PUBLIC.word),
    )


def _day(asked: Mapping[str, str], name: str, usual: date) -> date:
    text = asked.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else usual
    except ValueError as error:
        raise EgressQuestionInvalid(f"`{name}` is a day such as {usual.isoformat()}.") from error


def _class(word: str) -> DataClass:
    try:
        return DataClass.from_word(word)
    except ValueError as error:
        raise EgressQuestionInvalid(f"`data_class`: {error}") from error
