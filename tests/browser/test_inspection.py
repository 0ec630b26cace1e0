"""Finding runs and doing something about many, by keyboard and with the mouse, in Chromium."""

from typing import TYPE_CHECKING

import pytest

from tenancy.permissions import Role
from tests.browser import soundness

if TYPE_CHECKING:
    from tests.browser.bank import Bank
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]


def test_rows_are_walked_chosen_and_opened_by_keys(visit: "Visit", bank: "Bank") -> None:
    page = visit("/runs/?q=status:failed", Role.OPERATOR, reduced_motion="reduce")

    page.keyboard.press("j")
    assert page.locator("tr.here").count() == 1
    page.keyboard.press("x")
    assert page.locator("tr.here input").is_checked()
    page.keyboard.press("?")
    page.locator("dialog#keys").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{bank.failed.pk}/")


def test_search_suggests_and_arrows_choose(visit: "Visit", bank: "Bank") -> None:
    page = visit("/", Role.OPERATOR, reduced_motion="reduce")

    page.keyboard.press("/")
    page.keyboard.type("complaint")
    page.wait_for_selector("#suggest a")
    soundness.check(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/workflows/complaint-handling/")


def test_chosen_runs_are_shown_before_anything_happens(visit: "Visit", bank: "Bank") -> None:
    page = visit("/runs/?q=status:cancelled", Role.OPERATOR, reduced_motion="reduce")

    page.locator("tbody input[type=checkbox]").first.check()
    page.get_by_role("button", name="Cancel…").click()

    assert "It is cancelled already" in page.content()
    soundness.check(page)


def test_filters_are_added_by_the_form_and_saved_as_a_view(visit: "Visit", bank: "Bank") -> None:
    page = visit("/runs/?q=", Role.OPERATOR, reduced_motion="reduce")

    page.get_by_text("Add filters").click()
    page.get_by_label("State", exact=True).select_option("failed")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Save this view").click()
    soundness.check(page)
    page.get_by_label("Name of the view").fill("Failures")
    page.get_by_role("button", name="Save", exact=True).click()

    assert page.locator("nav[aria-label=Views] [aria-current=page]").inner_text() == "Failures"
    assert page.locator("#f-q").input_value() == "status:failed"
    soundness.check(page)
