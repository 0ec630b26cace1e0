"""Three fields changed on three dates: each past value with its author and reason."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import time_machine

from tenancy.actors import Actor
from tenancy.models import Tenant
from tests.workflows.definition_texts import small
from workflows import definitions, documentation, documentation_history
from workflows.models import Documentation, Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
ANN = Actor(kind="user", id="1", name="Ann")
OLGA = Actor(kind="user", id="2", name="Olga")


def on(day: int) -> datetime:
    return datetime(2026, 11, day, 12, tzinfo=UTC)


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    with time_machine.travel(on(1), tick=False):
        made = definitions.save(workflow=None, text=small(), by=ANN).workflow
    for day, change, by in (
        (3, {"owner": "Second house"}, OLGA),
        (5, {"category": "Service"}, ANN),
        (7, {"node_texts": {"letter": "A letter.", "answer": "Answers."}}, OLGA),
    ):
        with time_machine.travel(on(day), tick=False):
            newest = documentation.find_newest(made)
            assert newest is not None
            texts = replace(documentation.to_texts(newest), **change)
            documentation.save(workflow=made, texts=texts, by=by, reason=f"Day {day}")
    return made


@pytest.mark.parametrize(
    ("day", "field", "value", "author", "since"),
    [
        (2, "owner", "Test house", "Ann", 1),
        (4, "owner", "Second house", "Olga", 3),
        (8, "owner", "Second house", "Olga", 3),
        (4, "category", "", "Ann", 1),
        (6, "category", "Service", "Ann", 5),
        (6, "node:letter", "What comes in.", "Ann", 1),
        (8, "node:letter", "A letter.", "Olga", 7),
        (8, "purpose", "Show what a definition is.", "Ann", 1),
    ],
)
def test_each_past_value_has_its_author_and_reason(
    workflow: Workflow, day: int, field: str, value: str, author: str, since: int
) -> None:
    values = {each.field: each for each in documentation_history.as_of(workflow, on(day))}

    found = values[field]
    assert (found.value, found.row.author_name) == (value, author)
    assert found.row.created_at == on(since)
    if since > 1:
        assert found.row.reason == f"Day {since}"


def test_before_the_first_text_there_is_nothing(workflow: Workflow) -> None:
    assert documentation_history.as_of(workflow, on(1).replace(hour=1)) == []


def test_changes_say_before_and_after(workflow: Workflow) -> None:
    rows = list(Documentation.objects.filter(workflow=workflow).order_by("-number"))

    newest, *_ = documentation_history.changes(rows[:1])
    told = [
        [(each.field, each.before, each.after) for each in change.fields]
        for change in documentation_history.changes(rows)
    ]

    assert [(each.field, each.before) for each in newest.fields] == [
        ("node:answer", ""),
        ("node:letter", "What comes in."),
    ]
    assert told[1] == [("category", "", "Service")]
    assert told[2] == [("owner", "Test house", "Second house")]
    assert ("purpose", "", "Show what a definition is.") in told[3]
