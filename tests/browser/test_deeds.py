"""What people do on the pages: sign in, start, watch, select, resume, publish, dispose; also without scripts."""

from typing import TYPE_CHECKING

import pytest

from tenancy.context import tenant_context
from tenancy.permissions import Role
from tests.browser.bank import LETTER, PASSWORD
from tests.runs.making import PATIENCE_SECONDS
from workflows.models import TrialCall

if TYPE_CHECKING:
    from tests.browser.bank import Bank
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]
START = "/runs/start/complaint-handling/"
# A double click, so slow that the first request has left.
TWICE = "form => { form.requestSubmit(); setTimeout(() => form.requestSubmit(), 80); }"


def test_signing_in_leads_to_the_page_that_was_asked_for(visit: "Visit", bank: "Bank") -> None:
    page = visit("/runs/")

    page.get_by_label("E-mail address").fill(bank.people[Role.OPERATOR].user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("heading", name="Runs", level=1).wait_for()


def test_a_wrong_password_is_told_once_and_in_focus(visit: "Visit", bank: "Bank") -> None:
    page = visit("/accounts/login/")

    page.get_by_label("E-mail address").fill(bank.people[Role.OPERATOR].user.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()

    summary = page.get_by_role("alert")
    summary.wait_for()
    assert summary.evaluate("element => element === document.activeElement")


def test_a_run_is_started_and_watched_to_its_end_without_a_reload(visit: "Visit") -> None:
    page = visit(START, Role.OPERATOR)

    streams: list[int] = []
    page.on("response", lambda r: streams.append(r.status) if "/events/stream" in r.url else None)

    page.get_by_label("Text of the letter").fill(LETTER + " take your time")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url("**/runs/*-*/")
    page.evaluate("window.sameDocument = true")

    page.locator(".head .badge", has_text="Completed").wait_for(timeout=1_000 * PATIENCE_SECONDS)
    assert page.evaluate("window.sameDocument")
    assert page.locator(".live").count() == 0
    assert streams[0] == 200


def test_a_double_click_tests_a_provider_once(visit: "Visit", bank: "Bank") -> None:
    page = visit("/settings/providers/", Role.ADMIN)
    with tenant_context(bank.tenant):
        before = TrialCall.objects.count()

    page.locator("td.act form").first.evaluate(TWICE)
    page.get_by_text("Test passed").wait_for()

    with tenant_context(bank.tenant):
        assert TrialCall.objects.count() == before + 1


def test_a_run_is_started_without_scripts(visit: "Visit") -> None:
    page = visit(START, Role.OPERATOR, java_script_enabled=False)

    page.get_by_label("Text of the letter").fill("too short")
    page.get_by_role("button", name="Start run").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Text of the letter").fill(LETTER)
    page.get_by_role("button", name="Start run").click()

    page.get_by_role("heading", name="Complaint handling", level=1).wait_for()


def test_a_run_is_started_from_a_text_file(visit: "Visit") -> None:
    page = visit(START, Role.OPERATOR)

    page.get_by_label("File").set_input_files(
        {"name": "letter.txt", "mimeType": "text/plain", "buffer": LETTER.encode()}
    )
    page.get_by_role("button", name="Start run").click()

    page.wait_for_url("**/runs/*-*/")


def test_graph_timeline_and_panel_select_the_same_node(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.completed.pk}/", Role.OPERATOR)

    page.locator("#n-extract").click()

    page.locator("#node h2", has_text="Extract facts").wait_for()
    assert "node=extract" in page.url
    assert page.locator(".n--sel").get_attribute("id") == "n-extract"
    assert "Extract facts" in page.locator("tr[aria-selected]").inner_text()


def test_a_node_is_reached_and_opened_by_keyboard(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.completed.pk}/", Role.OPERATOR)

    page.locator("#n-route").focus()
    page.keyboard.press("Enter")

    page.locator("#node h2", has_text="Route").wait_for()


def test_an_auditor_sees_that_a_node_ran_but_no_payload(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.completed.pk}/?node=mask", Role.AUDITOR)

    page.get_by_text("Your role does not show inputs and outputs.").wait_for()
    assert "35 euros" not in page.content()


def test_the_page_before_a_resume_says_what_runs_and_what_is_reused(
    visit: "Visit", bank: "Bank"
) -> None:
    page = visit(f"/runs/{bank.failed.pk}/", Role.OPERATOR)
    page.get_by_text("draft_urgent failed").wait_for()

    page.get_by_role("link", name="Resume from checkpoint").click()

    page.get_by_role("heading", name="Resume this run?").wait_for()
    text = page.locator("main").inner_text()
    assert "3 nodes will run" in text
    assert "6 finished nodes will be reused" in text


def test_problems_of_a_pasted_definition_lead_to_their_lines(visit: "Visit") -> None:
    page = visit("/workflows/-/import/", Role.AUTHOR)

    page.get_by_label("Definition", exact=True).fill(
        "grove: 1\nname: broken\ntitle: Broken\nnodes:\n  - {id: a, kind: inptu}\n"
    )
    page.get_by_role("button", name="Save").click()

    page.get_by_text("Nothing was saved.").wait_for()
    page.locator("#problems a", has_text="Line 5").first.click()
    assert page.url.endswith("#L5")


def test_the_list_of_workflows_filters_while_typing(visit: "Visit") -> None:
    page = visit("/workflows/", Role.AUTHOR)

    page.get_by_label("Filter by name").press_sequentially("nothing")

    page.get_by_role("heading", name="No workflow matches").wait_for()
    assert "q=nothing" in page.url


def test_the_theme_is_switched_and_remembered(visit: "Visit") -> None:
    page = visit("/runs/", Role.OPERATOR, color_scheme="light")

    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()

    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_run_is_disposed_of_in_four_steps(visit: "Visit", bank: "Bank") -> None:
    page = visit(f"/runs/{bank.cancelled.pk}/", Role.DATA_PROTECTION_OFFICER)

    page.get_by_role("link", name="Dispose").click()
    page.get_by_role("button", name="Make the dry run").click()
    page.get_by_role("heading", name="What would be disposed of").wait_for()
    digest = page.locator(".facts dd.mono").inner_text().strip()
    page.get_by_role("link", name="Go on to confirm").click()
    page.get_by_label("Reason").fill("The customer asked for erasure.")
    page.get_by_label(f"Type {digest} to confirm").fill(digest)
    page.get_by_role("button", name="Dispose for good").click()

    page.get_by_role("heading", name="Disposal of a run").wait_for()
    page.goto(f"/runs/{bank.cancelled.pk}/")
    page.get_by_text("This run was disposed of").wait_for()


def test_an_auditor_has_the_ledger_verified_by_a_worker(visit: "Visit") -> None:
    page = visit("/settings/ledger/", Role.AUDITOR)

    page.get_by_role("button", name="Verify now").click()

    page.get_by_role("heading", name="Verifications of the ledger").wait_for()
    for _ in range(60):
        if page.get_by_role("cell", name="Carol").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    page.get_by_role("row", name="Carol").get_by_text("Sound").wait_for()
    page.goto("/settings/ledger/")
    assert "by Carol" in page.locator("dl.facts").inner_text()
