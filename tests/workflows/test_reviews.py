"""Reviews: four eyes and more, blind until all have voted, never the author's, also under a race."""

import threading
from collections.abc import Callable

import pytest
from django.db import DatabaseError, connections, transaction
from django.utils.timezone import now

from tenancy import members, persons
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.workflows.definition_texts import small
from tests.workflows.reviewing import YES, Bank
from workflows import comparisons, definitions, drafts, reviews, versions
from workflows.disposal import WorkflowDisposable
from workflows.errors import (
    AuthorExcluded,
    CommentRefused,
    NotPublishable,
    ReviewClosed,
    ReviewImpossible,
    TransitionRefused,
    VoteRefused,
)
from workflows.models import (
    Comment,
    Review,
    ReviewState,
    VersionState,
    Vote,
    VoteChoice,
    Workflow,
    WorkflowVersion,
)

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
STRICT = {"review_required": True, "reviewers": 2}


@pytest.fixture
def bank(in_acme: Tenant) -> Bank:
    return Bank(in_acme, **STRICT)


def states(version: WorkflowVersion) -> list[str]:
    return list(version.statuses.order_by("number").values_list("state", flat=True))


def entries(event: str) -> list[dict]:
    return [entry.facts for entry in LedgerEntry.objects.filter(event=event).order_by("id")]


def test_from_draft_to_published(bank: Bank) -> None:
    review = bank.submit()
    bank.approve(review, "rob")
    bank.approve(review, "olga")
    review.refresh_from_db()

    versions.publish(version=review.version, by=bank.actor("olga"), reason="Approved")

    assert (review.state, review.outcome) == (ReviewState.APPROVED, "Approved with 2 votes.")
    assert states(review.version) == ["draft", "in_review", "published"]
    assert Workflow.objects.get().published == review.version
    assert [facts["outcome"] for facts in entries("review.voted")] == ["", "approved"]


def test_submitting_twice_is_submitting_once(bank: Bank) -> None:
    assert bank.submit() == bank.submit()
    assert len(entries("review.submitted")) == 1


def test_without_an_approved_review_of_this_digest_nothing_goes_live(bank: Bank) -> None:
    version = versions.create(revision=bank.workflow.head, by=bank.actor("ann"))

    with pytest.raises(NotPublishable, match="needs an approved review"):
        versions.publish(version=version, by=bank.actor("rob"))
    review = bank.submit()
    bank.approve(review, "rob")
    with pytest.raises(NotPublishable, match="1 of 2 votes given") as caught:
        versions.publish(version=version, by=bank.actor("rob"))

    assert [each["code"] for each in caught.value.extra["problems"]] == ["review_open"]
    assert Workflow.objects.get().published is None


def test_what_was_approved_before_the_rules_grew_is_reviewed_again(in_acme: Tenant) -> None:
    from workflows import governance

    bank = Bank(in_acme, review_required=True, reviewers=1)
    review = bank.submit()
    bank.approve(review, "olga")
    governance.set_rules(rules=governance.Rules(**STRICT), reason="More.", by=bank.actor("olga"))

    with pytest.raises(NotPublishable, match="approved by 1, and the rules ask for 2"):
        versions.publish(version=review.version, by=bank.actor("rob"))
    again = bank.submit()

    assert (again.number, again.needed) == (2, 2)


def test_the_author_neither_votes_nor_publishes(bank: Bank) -> None:
    members.change_role(
        membership=bank.members["ann"], role=Role.REVIEWER, expires_at=None, by=SYSTEM
    )
    review = bank.submit()

    with pytest.raises(AuthorExcluded, match="You saved what is in version 1"):
        bank.approve(review, "ann")
    bank.approve(review, "rob")
    bank.approve(review, "rita")
    with pytest.raises(AuthorExcluded):
        versions.publish(version=review.version, by=bank.actor("ann"))

    assert Workflow.objects.get().published is None


def test_the_author_of_any_revision_since_the_published_one_is_excluded(bank: Bank) -> None:
    members.change_role(
        membership=bank.members["rita"], role=Role.AUTHOR, expires_at=None, by=SYSTEM
    )
    bank.save("Be kind:", by="rita")
    members.change_role(
        membership=bank.members["rita"], role=Role.REVIEWER, expires_at=None, by=SYSTEM
    )
    bank.save("Be polite:")
    review = bank.submit()

    with pytest.raises(AuthorExcluded):
        bank.approve(review, "rita")
    bank.approve(review, "rob")
    bank.approve(review, "olga")
    versions.publish(version=review.version, by=bank.actor("rob"))
    bank.save("Be swift:")
    later = bank.submit()

    assert bank.approve(later, "rita").choice == VoteChoice.APPROVE


def test_a_token_of_the_author_is_the_author(bank: Bank) -> None:
    token = factories.make_token(bank.members["ann"]).token
    actor = Actor.of_token(token.pk, token.name)
    review = bank.submit()

    assert persons.of_actor(actor) == persons.of_actor(bank.actor("ann"))
    with pytest.raises(AuthorExcluded):
        reviews.vote(review=review, choice=VoteChoice.APPROVE, by=actor, answers=YES)


def test_nobody_votes_twice_not_even_with_a_token(bank: Bank) -> None:
    review = bank.submit()
    bank.approve(review, "rob")
    token = factories.make_token(bank.members["rob"]).token

    with pytest.raises(VoteRefused, match="voted on this already"):
        reviews.vote(
            review=review,
            choice=VoteChoice.APPROVE,
            by=Actor.of_token(token.pk, token.name),
            answers=YES,
        )


def test_votes_are_blind_until_all_have_voted(bank: Bank) -> None:
    review = bank.submit()
    bank.object_to(review, "olga")
    rita = persons.of_actor(bank.actor("rita"))
    review.refresh_from_db()

    assert reviews.visible_votes(review, person=rita) == []
    assert reviews.progress(review) == "1 of 2 votes given"
    assert "votes" not in entries("review.voted")[0]
    assert review.is_open  # and so the number of votes is all that can be learnt

    bank.approve(review, "rita")
    review.refresh_from_db()

    assert len(reviews.visible_votes(review, person=rita)) == 2
    assert (review.state, review.outcome) == (
        ReviewState.CHANGES_REQUESTED,
        "Changes were requested by 1 of 2 votes.",
    )
    assert sorted(entries("review.voted")[1]["votes"].values()) == ["approve", "request_changes"]
    with pytest.raises(TransitionRefused):
        # rules that ask for nothing do not help a version of which changes were asked
        _without_rules(bank, lambda: versions.publish(version=review.version, by=bank.actor("rob")))


def _without_rules(bank: Bank, act: Callable[[], None]) -> None:
    from workflows import governance

    governance.set_rules(rules=governance.Rules(), reason="None.", by=bank.actor("olga"))
    act()


def test_what_is_undone_or_redone_makes_the_review_lapse_too(bank: Bank) -> None:
    bank.save(prompt="Be kind:")
    review = bank.submit()
    head = drafts.find_head(bank.workflow)
    assert head is not None

    drafts.undo(workflow=bank.workflow, base=head, by=bank.actor("ann"))

    review.refresh_from_db()
    assert review.state == "lapsed"
    assert entries("draft.moved")[-1]["lapsed_review"] == 1


def test_a_newer_revision_makes_the_review_lapse_and_votes_stay(bank: Bank) -> None:
    review = bank.submit()
    bank.approve(review, "rob")

    bank.save("Be polite:")
    review.refresh_from_db()

    assert (review.state, review.outcome) == (
        ReviewState.LAPSED,
        "Lapsed: revision 2 became the draft.",
    )
    assert review.votes.count() == 1
    assert states(review.version) == ["draft", "in_review", "draft"]
    assert entries("revision.saved")[-1]["lapsed_review"] == 1
    with pytest.raises(ReviewClosed):
        bank.approve(review, "rita")
    with pytest.raises(NotPublishable, match="Lapsed"):
        versions.publish(version=review.version, by=bank.actor("rob"))


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: f"# Looked over by Ann\n{text}",  # a comment
        lambda text: text.replace("title: Small one", 'title:   "Small one"'),  # how it is written
        lambda text: text.replace("    after: [letter]\n", "    after:\n      - letter\n"),
        lambda text: text.replace("    kind: llm\n", "    kind: llm\n    timeout_seconds: 60\n"),
    ],
)
def test_a_draft_that_is_only_written_otherwise_keeps_votes(
    bank: Bank, edit: Callable[[str], str]
) -> None:
    review = bank.submit()
    bank.approve(review, "rob")
    text = edit(small(prompt="Be brief:"))
    assert text != small(prompt="Be brief:")

    definitions.save(workflow=bank.workflow, text=text, by=bank.actor("ann"))

    review.refresh_from_db()
    assert review.is_open
    assert entries("revision.saved")[-1]["lapsed_review"] is None
    bank.approve(review, "olga")
    versions.publish(version=review.version, by=bank.actor("olga"))
    bank.workflow.refresh_from_db()
    assert bank.workflow.published == review.version


def test_other_words_let_the_review_lapse(bank: Bank) -> None:
    """They stand in the document that was judged."""
    review = bank.submit()
    text = small(prompt="Be brief:").replace("title: Answer", "title: The answer")
    definitions.save(workflow=bank.workflow, text=text, by=bank.actor("ann"))

    review.refresh_from_db()
    assert review.state == ReviewState.LAPSED


def test_layout_and_then_behaviour_lets_the_review_lapse(bank: Bank) -> None:
    """What counts is how the draft differs from what is reviewed, not from the draft before."""
    review = bank.submit()
    definitions.save(workflow=bank.workflow, text=f"# Tidied\n{small()}", by=bank.actor("ann"))
    definitions.save(
        workflow=bank.workflow, text=f"# Tidied\n{small(prompt='Be rude:')}", by=bank.actor("ann")
    )

    review.refresh_from_db()
    assert review.state == ReviewState.LAPSED


def test_a_draft_that_cannot_be_read_lets_the_review_lapse(bank: Bank) -> None:
    review = bank.submit()

    definitions.save(workflow=bank.workflow, text="name: [", by=bank.actor("ann"))

    review.refresh_from_db()
    assert review.state == ReviewState.LAPSED


def test_saving_the_same_again_lets_the_review_be(bank: Bank) -> None:
    review = bank.submit()
    bank.save()

    review.refresh_from_db()
    assert review.is_open


def test_a_high_risk_needs_a_compliance_officer(in_acme: Tenant) -> None:
    bank = Bank(in_acme, review_required=True, reviewers=1)
    review = bank.submit()  # a first version reaches a model outside

    assert (review.risk, review.needs_officer) == ("high", True)
    bank.approve(review, "rob")
    review.refresh_from_db()
    assert review.is_open
    with pytest.raises(VoteRefused, match="vote of a compliance officer is missing"):
        bank.approve(review, "rita")
    bank.approve(review, "olga")
    review.refresh_from_db()
    assert review.state == ReviewState.APPROVED


def test_a_review_that_nobody_could_finish_does_not_begin(in_acme: Tenant) -> None:
    bank = Bank(in_acme, review_required=True, reviewers=3)
    members.remove(membership=bank.members["rita"], by=SYSTEM)

    with pytest.raises(ReviewImpossible, match="3 reviewers are asked for, and 2 of the members"):
        bank.submit()
    assert not Review.objects.exists()
    assert not WorkflowVersion.objects.exists()


def test_a_vote_against_needs_a_reason_and_one_for_needs_the_checklist(bank: Bank) -> None:
    review = bank.submit()

    with pytest.raises(VoteRefused, match="Say what has to change"):
        bank.object_to(review, "rob", "  ")
    for answers, said in (
        ({}, "Answer before you approve"),
        (YES | {"retention": "no"}, "You answered no"),
        (YES | {"retention": "perhaps"}, "is no answer"),
        (YES | {"colour": "yes"}, "has no “colour”"),
    ):
        with pytest.raises(VoteRefused, match=said):
            reviews.vote(
                review=review, choice=VoteChoice.APPROVE, by=bank.actor("rob"), answers=answers
            )
    assert not Vote.objects.exists()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN, Role.AUDITOR])
def test_only_members_who_may_publish_vote(bank: Bank, role: Role) -> None:
    review = bank.submit()
    other = factories.make_member(tenant=bank.tenant, role=role)

    with pytest.raises(VoteRefused, match="Only a member who may publish"):
        reviews.vote(
            review=review, choice=VoteChoice.APPROVE, by=Actor.of_user(other.user), answers=YES
        )


def test_comments_stand_at_nodes_and_are_resolved(bank: Bank) -> None:
    review = bank.submit()
    asked = reviews.comment(review=review, text="Why?", node="answer", by=bank.actor("rob"))
    reviews.comment(
        review=review, text="Because.", answers=asked, resolves=True, by=bank.actor("ann")
    )

    with pytest.raises(CommentRefused, match="no node “nowhere”"):
        reviews.comment(review=review, text="?", node="nowhere", by=bank.actor("rob"))
    with pytest.raises(CommentRefused, match="Say something"):
        reviews.comment(review=review, text=" ", by=bank.actor("rob"))

    assert [(each.number, each.node, each.resolves) for each in Comment.objects.all()] == [
        (1, "answer", False),
        (2, "answer", True),
    ]
    assert [facts["resolves"] for facts in entries("review.commented")] == [None, 1]


def test_withdrawn_and_retired_versions_leave_their_review(bank: Bank) -> None:
    first = bank.submit()
    reviews.withdraw(review=first, by=bank.actor("ann"), reason="Not yet")
    second = bank.submit()
    versions.retire(version=second.version, by=bank.actor("rob"), reason="No.")

    assert [review.state for review in Review.objects.order_by("number")] == ["withdrawn"] * 2
    assert states(second.version) == [
        "draft",
        "in_review",
        "draft",
        "in_review",
        "draft",
        "retired",
    ]
    with pytest.raises(ReviewClosed):
        reviews.withdraw(review=second, by=bank.actor("ann"))


def test_what_waits_for_whom(bank: Bank) -> None:
    review = bank.submit()
    bank.approve(review, "rob")

    waiting = {name: list(reviews.waiting_for(bank.actor(name))) for name in bank.members}

    assert waiting == {"ann": [], "rob": [], "rita": [review], "olga": [review]}
    assert reviews.why_not(review, actor=bank.actor("rita")) == ""
    assert "already" in reviews.why_not(review, actor=bank.actor("rob"))
    assert "Only a member" in reviews.why_not(review, actor=bank.actor("ann"))


def test_a_rollback_to_a_reviewed_version_needs_no_other_review(bank: Bank) -> None:
    first = bank.submit()
    for name in ("rob", "olga"):
        bank.approve(first, name)
    versions.publish(version=first.version, by=bank.actor("rob"))
    bank.save("Be polite:")
    second = bank.submit()
    assert comparisons.of_version(second.version).before.version == first.version
    for name in ("rob", "rita"):
        bank.approve(second, name)
    versions.publish(version=second.version, by=bank.actor("rob"))

    versions.publish(version=first.version, by=bank.actor("rita"), reason="Second was worse")

    assert Workflow.objects.get().published == first.version


def test_disposal_ends_the_review_and_takes_the_comments_along(bank: Bank) -> None:
    review = bank.submit()
    asked = reviews.comment(review=review, text="Why?", by=bank.actor("rob"))
    reviews.comment(review=review, text="So.", answers=asked, by=bank.actor("ann"))

    WorkflowDisposable().erase([bank.workflow.pk], at=now())

    review.refresh_from_db()
    assert review.state == ReviewState.WITHDRAWN
    assert not Comment.objects.exists()


def test_the_database_keeps_votes_as_they_were_cast(bank: Bank) -> None:
    bank.approve(bank.submit(), "rob")

    for statement in ("UPDATE workflows_vote SET choice = 'approve'", "DELETE FROM workflows_vote"):
        with (
            pytest.raises(DatabaseError, match=r"permission denied|is refused"),
            transaction.atomic(),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute(statement)


def test_others_see_nothing(bank: Bank, beta: Tenant) -> None:
    bank.approve(bank.submit(), "rob")

    with tenant_context(beta):
        assert not Review.objects.exists()
        assert not Vote.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_save_vote_and_publish_at_once_never_let_the_author_through() -> None:
    """The author, who may publish by now, saves and publishes while others vote: whatever goes live was approved."""
    acme = factories.make_tenant()
    with tenant_context(acme):
        bank = Bank(acme, **STRICT)
        members.change_role(
            membership=bank.members["ann"], role=Role.REVIEWER, expires_at=None, by=SYSTEM
        )
        review = bank.submit()
    refused: dict[str, str] = {}

    def attempt(name: str, act: Callable[[], object]) -> None:
        try:
            with tenant_context(acme):
                act()
        except GroveError as error:
            refused[name] = error.code
        finally:
            for alias in ("default", "keys"):
                connections[alias].close()

    acts: dict[str, Callable[[], object]] = {
        "rob votes": lambda: bank.approve(review, "rob"),
        "olga votes": lambda: bank.approve(review, "olga"),
        "ann saves": lambda: bank.save("Be sly:"),
        "ann votes": lambda: bank.approve(review, "ann"),
        "ann submits": bank.submit,
        "ann publishes": lambda: versions.publish(version=review.version, by=bank.actor("ann")),
        "rita publishes": lambda: versions.publish(version=review.version, by=bank.actor("rita")),
    }
    threads = [threading.Thread(target=attempt, args=each) for each in acts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with tenant_context(acme):
        workflow = Workflow.objects.get()
        review.refresh_from_db()
        ann = persons.of_actor(bank.actor("ann"))
        assert not Vote.objects.filter(person=ann).exists()
        assert refused["ann publishes"] == "author_excluded"
        assert refused["ann votes"] in ("author_excluded", "review_closed")
        assert "ann saves" not in refused
        assert not Review.objects.open().exclude(version__revision_id=workflow.head_id).exists()
        if workflow.published is not None:
            assert review.state == ReviewState.APPROVED
            assert workflow.published.state is VersionState.PUBLISHED
        else:
            assert review.state in (ReviewState.LAPSED, ReviewState.APPROVED)
