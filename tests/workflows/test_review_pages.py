"""Pages and API of reviews: what authors and reviewers see and do, and who may not."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.workflows.reviewing import YES, Bank
from workflows.models import Comment, Review, Vote, Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
PAGE, API = "/workflows/small-one", "/api/v1/workflows/small-one"
FORM = {f"control_{code}": answer for code, answer in YES.items()}


@pytest.fixture
def bank(in_acme: Tenant) -> Bank:
    return Bank(in_acme, review_required=True, reviewers=2)


def as_(bank: Bank, name: str) -> Client:
    return make_client(bank.members[name])


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(f"{API}{path}", body, content_type="application/json")


def test_from_the_form_to_publication(bank: Bank) -> None:
    ann, rob, olga = (as_(bank, name) for name in ("ann", "rob", "olga"))

    asked = ann.get(f"{PAGE}/submit/").content.decode()
    sent = ann.post(f"{PAGE}/submit/", {"message": "Politer"})
    voted = rob.post(f"{PAGE}/reviews/1/vote/", {**FORM, "choice": "approve"})
    seen = olga.get(f"{PAGE}/reviews/1/").content.decode()
    olga.post(f"{PAGE}/reviews/1/vote/", {**FORM, "choice": "approve", "reason": "Sound"})
    decided = rob.get(f"{PAGE}/reviews/1/").content.decode()
    published = rob.post(f"{PAGE}/versions/1/publish/", {"reason": "Approved"})

    assert "a compliance officer among them, have to approve it" in asked
    assert (sent.status_code, sent["Location"]) == (302, f"{PAGE}/reviews/1/")
    assert voted.status_code == 302
    assert "1 of 2 votes given" in seen
    assert "Rob</b>" not in seen
    assert "Rob</b>" in decided
    assert "Sound" in decided
    assert published.status_code == 302
    with tenant_context(bank.tenant):
        assert Workflow.objects.get().published is not None


def test_what_was_typed_stays_when_a_vote_is_not_accepted(bank: Bank) -> None:
    bank.submit()
    rob = as_(bank, "rob")

    without_reason = rob.post(f"{PAGE}/reviews/1/vote/", {"choice": "request_changes"})
    with_no = rob.post(
        f"{PAGE}/reviews/1/vote/",
        {**FORM, "control_retention": "no", "choice": "approve", "reason": "Nearly"},
    )

    assert without_reason.status_code == with_no.status_code == 422
    assert "Say what has to change" in without_reason.content.decode()
    assert "You answered no to" in with_no.content.decode()
    assert "Nearly" in with_no.content.decode()
    with tenant_context(bank.tenant):
        assert not Vote.objects.exists()


def test_the_page_of_a_lapsed_review_says_so(bank: Bank) -> None:
    review = bank.submit()
    bank.approve(review, "rob")
    bank.save("Be polite:")
    rita = as_(bank, "rita")

    shown = rita.get(f"{PAGE}/reviews/1/").content.decode()
    late = rita.post(f"{PAGE}/reviews/1/vote/", {**FORM, "choice": "approve"})

    assert "Lapsed: revision 2 became the draft." in shown
    assert "count for nothing any more" in shown
    assert 'action="/workflows/small-one/reviews/1/vote/"' not in shown
    assert late.status_code == 409


def test_comments_at_nodes_are_answered_and_resolved(bank: Bank) -> None:
    bank.submit()
    rob, ann = as_(bank, "rob"), as_(bank, "ann")

    rob.post(f"{PAGE}/reviews/1/comment/", {"node": "answer", "text": "Why <b>so</b>?"})
    ann.post(f"{PAGE}/reviews/1/comment/", {"answers": 1, "text": "Law.", "resolves": "on"})
    empty = rob.post(f"{PAGE}/reviews/1/comment/", {"text": " "})
    shown = rob.get(f"{PAGE}/reviews/1/").content.decode()

    with tenant_context(bank.tenant):
        assert Comment.objects.count() == 2
    assert empty.status_code == 422
    assert "Why &lt;b&gt;so&lt;/b&gt;?" in shown
    assert "Resolved" in shown


def test_the_list_and_the_navigation_say_what_waits_for_whom(bank: Bank) -> None:
    bank.submit()

    waiting = as_(bank, "rob").get("/workflows/-/reviews/")
    nothing = as_(bank, "ann").get("/workflows/-/reviews/?tab=mine")
    overall = as_(bank, "ann").get("/workflows/-/reviews/?tab=open")

    assert [review.number for review, _ in waiting.context["rows"]] == [1]
    assert '<span class="count count--wait">1<span' in waiting.content.decode()
    assert nothing.context["rows"] == []
    assert [review.number for review, _ in overall.context["rows"]] == [1]
    assert "count--wait" not in overall.content.decode()


def test_who_may_not_is_told_so(bank: Bank) -> None:
    bank.submit()
    ann, carol = as_(bank, "ann"), make_client(make_member(tenant=bank.tenant, role=Role.AUDITOR))

    assert ann.post(f"{PAGE}/reviews/1/vote/", {**FORM, "choice": "approve"}).status_code == 403
    assert as_(bank, "rob").post(f"{PAGE}/submit/", {}).status_code == 403
    assert carol.get(f"{PAGE}/reviews/1/").status_code == 200
    assert carol.post(f"{PAGE}/reviews/1/comment/", {"text": "x"}).status_code == 403
    assert as_(bank, "rob").post(f"{PAGE}/reviews/1/withdraw/").status_code == 403


def test_mallory_sees_nothing(bank: Bank, beta: Tenant) -> None:
    bank.submit()
    mallory = make_client(make_member(tenant=beta, role=Role.REVIEWER))

    for path in (f"{PAGE}/reviews/1/", f"{API}/reviews/1"):
        assert mallory.get(path).status_code == 404
    assert mallory.get("/api/v1/reviews").json()["items"] == []
    assert post(mallory, "/reviews/1/votes", {"choice": "approve"}).status_code == 404


def test_the_same_over_the_api(bank: Bank) -> None:
    ann, rob, olga = (as_(bank, name) for name in ("ann", "rob", "olga"))

    made = post(ann, "/reviews", {"message": "Politer"})
    waiting = rob.get("/api/v1/reviews?which=mine").json()["items"]
    refused = post(rob, "/reviews/1/votes", {"choice": "approve"})
    voted = post(rob, "/reviews/1/votes", {"choice": "approve", "checklist": YES})
    early = post(rob, "/versions/1/publish", {})
    blind = olga.get(f"{API}/reviews/1").json()
    commented = post(olga, "/reviews/1/comments", {"text": "Fine", "node": "answer"})
    post(olga, "/reviews/1/votes", {"choice": "approve", "checklist": YES})
    whole = ann.get(f"{API}/reviews/1").json()
    published = post(rob, "/versions/1/publish", {})

    assert (made.status_code, made["Location"]) == (201, f"{API}/reviews/1")
    assert made.json()["risk"] == "high"
    assert [each["number"] for each in waiting] == [1]
    assert (refused.status_code, refused.json()["code"]) == (422, "vote_refused")
    assert voted.status_code == 201
    assert (early.status_code, early.json()["code"]) == (422, "not_publishable")
    assert early.json()["problems"][0]["code"] == "review_open"
    assert blind["votes"] == []
    assert {each["code"] for each in blind["checklist"]} == set(YES)
    assert commented.status_code == 201
    assert (whole["state"], len(whole["votes"]), len(whole["comments"])) == ("approved", 2, 1)
    assert published.json()["state"] == "published"


def test_withdrawing_over_the_api(bank: Bank) -> None:
    bank.submit()

    first = post(as_(bank, "ann"), "/reviews/1/withdraw", {"reason": "Not yet"})
    again = post(as_(bank, "ann"), "/reviews/1/withdraw", {})

    assert first.json()["outcome"] == again.json()["outcome"] == "Withdrawn: Not yet"
    with tenant_context(bank.tenant):
        assert Review.objects.get().state == "withdrawn"
    assert as_(bank, "rob").get("/api/v1/reviews?which=nonsense").status_code == 422


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (f"{PAGE}/reviews/1/", 70),
        (f"{PAGE}/compare/?to=1", 40),
        ("/workflows/-/reviews/", 30),
        ("/settings/governance/", 25),
    ],
)
def test_a_page_asks_a_bounded_number_of_statements(bank: Bank, path: str, most: int) -> None:
    bank.approve(bank.submit(), "rob")
    rita = as_(bank, "rita")

    with CaptureQueriesContext(connection) as asked:
        assert rita.get(path).status_code == 200

    assert len(asked) <= most
