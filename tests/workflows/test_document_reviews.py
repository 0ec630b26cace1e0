"""Reviews in the compliance officer's document: who judged it as what, when, how and why, with the evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from compliance import policies
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.workflows.reviewing import Bank
from workflows import document, document_reviews, document_states, documentation, versions
from workflows.models import Vote, WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
GOLDEN = Path(__file__).parent / "golden" / "reviewed.md"
MORNING = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NAMES = {"ann": "Ann Author", "rob": "Rob | Reviewer", "olga": "Olga Officer"}


def at(hours: float) -> datetime:
    return MORNING + timedelta(hours=hours)


@pytest.fixture
def version(in_acme: Tenant) -> WorkflowVersion:
    """Asked for at 9, objected to at 10; asked again at 11, approved at 12 and 13, live at 14."""
    with time_machine.travel(MORNING, tick=False) as clock:
        policies.install_defaults(by=SYSTEM)
        bank = Bank(in_acme, reviewers=2, review_required=True)
        _name(bank)
        clock.shift(60)
        first = bank.submit()
        clock.move_to(at(1))
        bank.object_to(first, "rob", "Too *curt*.")
        bank.approve(first, "olga")
        clock.move_to(at(1.5))
        bank.save("Be kind:")
        clock.move_to(at(2))
        second = bank.submit()
        clock.move_to(at(3))
        bank.approve(second, "rob")
        clock.move_to(at(4))
        bank.approve(second, "olga")
        clock.move_to(at(5))
        versions.publish(version=second.version, by=bank.actor("olga"), reason="Good.")
    return WorkflowVersion.objects.get(pk=second.version_id)


def _name(bank: Bank) -> None:
    for key, name in NAMES.items():
        user = bank.members[key].user
        user.name = name
        user.save()


def section(text: str) -> str:
    return text.partition("## Approvals and publication")[2].partition("## Changes since")[0]


def test_the_document_with_reviews_equals_its_golden_file(version: WorkflowVersion) -> None:
    """After an intended change: delete the golden file, run the test, read the difference, and keep it."""
    before, _, rest = document.render(version=version).partition("## Policies in force")
    text = before + rest[rest.index("## Approvals and publication") :]

    if not GOLDEN.exists():
        GOLDEN.write_text(text, encoding="utf-8")
        pytest.fail("The golden file was written: read it, then run again.")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_votes_of_an_open_review_are_counted_and_not_told(version: WorkflowVersion) -> None:
    then = section(document.render(version=version, as_of=at(3.5)))

    assert "not decided yet, 1 given" in then
    assert "| 2 | 2026-11-02 12:00:00 UTC |" not in then
    assert "Checklist of review 2" not in then


def test_a_past_day_keeps_its_bytes_whatever_is_decided_later(in_acme: Tenant) -> None:
    bank = Bank(in_acme, reviewers=2)
    _name(bank)
    review = bank.submit()
    bank.approve(review, "rob")
    moment = datetime.now(UTC)
    then = document.render(version=review.version, as_of=moment)

    bank.approve(review, "olga")

    review.refresh_from_db()
    assert not review.is_open
    assert document.render(version=review.version, as_of=moment) == then
    assert "Rob" in section(document.render(version=review.version))
    assert "Rob" not in section(then)


def test_evidence_is_that_of_the_moment_of_the_vote(version: WorkflowVersion) -> None:
    before = section(document.render(version=version))
    texts = documentation.to_texts(documentation.find_newest(version.workflow))

    documentation.save(
        workflow=version.workflow,
        texts=replace(texts, retention_days=999),
        by=SYSTEM,
        reason="Longer.",
    )

    assert section(document.render(version=version)) == before
    vote = Vote.objects.filter(review__number=2).first()
    assert vote is not None
    assert vote.role == "reviewer"
    assert len(vote.evidence) == 7


def test_a_vote_begins_a_state_of_the_document(version: WorkflowVersion) -> None:
    """Runs are counted by states: none may hide that the document changed meanwhile."""
    with time_machine.travel(at(6), tick=False):
        found, _ = document_states.states(version.workflow)

    (state,) = [each for each in found if each.version == version]

    assert state.digest == document.digest(document.render(version=version, as_of=at(7)))
    assert state.why == ("Version 2: published",)


def test_an_older_vote_that_kept_no_evidence_says_so(in_acme: Tenant) -> None:
    bank = Bank(in_acme, reviewers=1)
    review = bank.submit()
    made = bank.approve(review, "olga")
    older = Vote(
        checklist=made.checklist,
        as_officer=True,
        choice="approve",
        author_name="Olga",
        review=review,
    )

    facts = document_reviews.vote_facts(older)

    assert facts.role == "compliance officer"
    assert {each.found for each in facts.answers} == {""}
    assert [each.answer for each in facts.answers] == ["yes"] * 7
