"""Pages of what waits: the band of a parked run, the list for a person, and the decision with its two outcomes."""

import pytest
from django.test import Client

from runs.models import NodeExecution, Run, Wait
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.runs import rich_definitions as rich
from tests.runs.making import (
    make_model_group,
    make_run,
    make_version,
    running_executor,
    statuses,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
QUESTION = "May this offer of 4200 euros go out?"


@pytest.fixture
def asking(in_acme: Tenant) -> Run:
    """Waits for a person, a callback, a moment and another attempt; no executor runs any more."""
    make_model_group("http://127.0.0.1:9")
    run = make_run(make_version(rich.ASKING), n=1, text="A loan, please.")
    with running_executor():
        wait_until(lambda: list(statuses(run).values()).count("waiting") == 4)
        wait_until(lambda: Run.objects.get(pk=run.pk).status == "waiting")
    return Run.objects.get(pk=run.pk)


@pytest.fixture
def wait(asking: Run) -> Wait:
    found: Wait = Wait.objects.get(run=asking, kind="approval")
    return found


@pytest.fixture
def rob(in_acme: Tenant) -> Client:
    return make_client(make_member(tenant=in_acme, role=Role.REVIEWER))


@pytest.fixture
def bob(in_acme: Tenant) -> Client:
    return make_client(make_member(tenant=in_acme, role=Role.OPERATOR))


def test_the_band_says_what_each_parked_node_waits_for(asking: Run, rob: Client) -> None:
    page = rob.get(f"/runs/{asking.pk}/")

    text = page.content.decode()
    told = [(each.name, each.kind) for each in page.context["page"].waiting.first]
    assert told[0] == ("Release the offer", "approval")
    assert {kind for _, kind in told} == {"approval", "callback", "delay", "retry"}
    assert "goes on by itself" in text
    assert "(attempt 2)" in text
    assert "Review and decide" in text
    assert page.context["page"].selected == "release"


def test_the_list_and_the_navigation_count_what_waits_for_a_role(
    asking: Run, wait: Wait, rob: Client, bob: Client
) -> None:
    mine, others = rob.get("/runs/waiting/"), bob.get("/runs/waiting/")

    assert "Release the offer" in mine.content.decode()
    assert '<span class="count count--wait">1' in mine.content.decode()
    assert "Nothing waits for you" in others.content.decode()
    assert "Release the offer" in bob.get("/runs/waiting/?tab=all").content.decode()


def test_the_question_is_shown_to_those_who_may_see_content(
    asking: Run, wait: Wait, rob: Client
) -> None:
    carol = make_client(make_member(tenant=asking.tenant, role=Role.AUDITOR))

    assert QUESTION in rob.get(f"/runs/waiting/{wait.pk}/").content.decode()
    unseen = carol.get(f"/runs/waiting/{wait.pk}/").content.decode()
    assert "Your role does not show the content of runs." in unseen
    assert QUESTION not in unseen
    assert "This is for somebody with the role reviewer to decide." in unseen


def test_a_decision_is_taken_and_shown_with_its_reason(wait: Wait, rob: Client) -> None:
    page = rob.post(
        f"/runs/waiting/{wait.pk}/decide/",
        {"verdict": "approved", "reason": "The papers are complete."},
        follow=True,
    )

    text = page.content.decode()
    assert "Approved by Rob" in text
    assert "The papers are complete." in text
    assert "Release the offer" in rob.get("/runs/waiting/?tab=decided").content.decode()


def test_a_refusal_needs_a_reason(wait: Wait, rob: Client) -> None:
    page = rob.post(f"/runs/waiting/{wait.pk}/decide/", {"verdict": "refused", "reason": " "})

    assert page.status_code == 422
    assert "Say why you refuse." in page.content.decode()


def test_whoever_is_second_sees_who_was_first(wait: Wait, rob: Client) -> None:
    rob.post(f"/runs/waiting/{wait.pk}/decide/", {"verdict": "approved"})
    with tenant_context(wait.tenant):
        second = make_client(make_member(tenant=wait.tenant, role=Role.REVIEWER))

    page = second.post(
        f"/runs/waiting/{wait.pk}/decide/", {"verdict": "refused", "reason": "No papers."}
    )

    text = page.content.decode()
    assert page.status_code == 409
    assert "Somebody was quicker, or the run went on." in text
    assert "Approved by Rob" in text


def test_another_role_does_not_decide(wait: Wait, bob: Client) -> None:
    page = bob.post(f"/runs/waiting/{wait.pk}/decide/", {"verdict": "approved"})

    assert page.status_code == 409
    with tenant_context(wait.tenant):
        assert Wait.objects.get(pk=wait.pk).is_open


def test_a_failed_attempt_that_is_to_be_tried_again_is_a_row_with_its_moment(
    asking: Run, rob: Client
) -> None:
    page = rob.get(f"/runs/{asking.pk}/?node=flaky").context["page"]

    first, second = page.panel.attempts
    assert (first.status, second.status) == ("failed", "waiting")
    assert page.panel.waiting.kind == "retry"
    flaky = next(row for row in page.rows if row.title == "Ask the register")
    assert [bar.tone for bar in flaky.bars] == ["failed", "waiting"]


def test_nothing_is_said_to_wait_in_a_run_that_has_ended(asking: Run, rob: Client) -> None:
    with tenant_context(asking.tenant):
        Run.objects.filter(pk=asking.pk).update(status="cancelled")

    page = rob.get(f"/runs/{asking.pk}/").context["page"]

    assert page.waiting.count == 0
    with tenant_context(asking.tenant):
        assert NodeExecution.objects.filter(run=asking, status="waiting").exists()
