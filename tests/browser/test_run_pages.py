"""Pages of runs in which much happens: sound in every look, and what people do on them."""

import re
from typing import TYPE_CHECKING

import pytest

from runs.models import Wait
from tenancy.context import tenant_context
from tenancy.permissions import Role
from tests.browser import soundness
from tests.runs.making import PATIENCE_SECONDS

if TYPE_CHECKING:
    from tests.browser.bank import Bank
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]

PAGES = {
    "containers": ("/runs/{bodies}/?node=improve", Role.OPERATOR),
    "node in a body": ("/runs/{bodies}/?node=each[2].break", Role.OPERATOR),
    "skipped node": ("/runs/{bodies}/?node=urgent", Role.OPERATOR),
    "containers without payloads": ("/runs/{bodies}/?node=each", Role.AUDITOR),
    "early response": ("/runs/{bodies}/payloads/", Role.OPERATOR),
    "child runs": ("/runs/{children}/?node=each", Role.OPERATOR),
    "folded": ("/runs/{many}/", Role.OPERATOR),
    "unfolded": ("/runs/{many}/?open=each:20&node=each[21].keep", Role.OPERATOR),
    "parked": ("/runs/{asking}/", Role.REVIEWER),
    "approvals": ("/runs/waiting/", Role.REVIEWER),
    "approvals for anybody": ("/runs/waiting/?tab=all", Role.OPERATOR),
    "approval": ("/runs/waiting/{wait}/", Role.REVIEWER),
    "approval of others": ("/runs/waiting/{wait}/", Role.AUDITOR),
    "fork": ("/runs/{bodies}/fork/?at=improve[1].critic", Role.OPERATOR),
    "replay": ("/runs/{bodies}/replay/", Role.OPERATOR),
    "compare with": ("/runs/{bodies}/compare/", Role.OPERATOR),
    "compare": ("/runs/{bodies}/compare/?with={many}", Role.OPERATOR),
    "list with children": ("/runs/?children=shown", Role.OPERATOR),
}


@pytest.fixture
def wait(bank: "Bank") -> Wait:
    with tenant_context(bank.tenant):
        found: Wait = Wait.objects.get(run=bank.asking, kind="approval")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_page_of_a_run_is_sound(name: str, look: "Visit", bank: "Bank", wait: Wait) -> None:
    path, role = PAGES[name]
    address = path.format(
        bodies=bank.bodies.pk,
        children=bank.children.pk,
        many=bank.many.pk,
        asking=bank.asking.pk,
        wait=wait.pk,
    )

    page = look(address, role)

    soundness.check(page)


def test_a_container_is_unfolded_and_paged_by_keyboard(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.many.pk}/", Role.OPERATOR)

    fold = page.get_by_role("link", name="Unfold Each number")
    fold.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Entry 19", exact=True).wait_for()
    focused = page.locator("a.fold").evaluate("element => element === document.activeElement")
    page.get_by_role("link", name="Later").first.click()
    page.get_by_text("Entry 20", exact=True).wait_for()

    assert focused
    assert "open=each%3A20" in page.url
    assert (
        page.get_by_role("link", name="Fold Each number").get_attribute("aria-expanded") == "true"
    )


def test_a_container_is_unfolded_without_scripts(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.many.pk}/", Role.OPERATOR, java_script_enabled=False)

    page.get_by_role("link", name="Unfold Each number").click()

    page.get_by_text("Entry 19", exact=True).wait_for()


def test_the_plan_of_a_fork_follows_what_is_chosen(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.bodies.pk}/fork/", Role.OPERATOR)

    page.get_by_label("First node that runs anew").select_option("joined")
    page.get_by_role("heading", name="4 nodes will run").wait_for()

    assert "at=joined" in page.url
    assert page.locator("#plan input[name=at]").get_attribute("value") == "joined"


def test_a_replay_is_asked_for_and_read(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.bodies.pk}/replay/", Role.OPERATOR)

    page.get_by_role("button", name="Replay").click()
    page.get_by_text("It comes out the same.").wait_for()

    soundness.check(page)


def test_two_runs_are_ticked_and_compared(visit: "Visit", bank: "Bank") -> None:
    page = visit("/runs/", Role.OPERATOR)

    page.get_by_label(f"Choose run {str(bank.bodies.pk)[-8:]}").check()
    page.get_by_label(f"Choose run {str(bank.many.pk)[-8:]}").check()
    page.get_by_role("button", name="Compare two").click()

    page.get_by_role("heading", name="Node by node").wait_for()


def test_an_approval_is_found_decided_and_the_run_goes_on(
    visit: "Visit", bank: "Bank", wait: Wait
) -> None:
    page = visit("/", Role.REVIEWER)

    page.get_by_role("link", name=re.compile("^Approvals")).click()
    page.get_by_role("link", name="Review Release the offer").click()
    page.get_by_role("button", name="Refuse").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Reason").fill("The papers are complete.")
    page.get_by_role("button", name="Approve").click()

    page.get_by_text("Approved by Rob").wait_for()
    soundness.check(page)
    run = visit(f"/runs/{bank.asking.pk}/?node=release", Role.REVIEWER)
    run.locator("#node .badge", has_text="Completed").first.wait_for(
        timeout=1_000 * PATIENCE_SECONDS
    )
