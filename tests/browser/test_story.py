"""From a draft to its document, each deed by whose it is: with the keyboard alone, and without any script."""

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tenancy.permissions import Role
from tests.browser import soundness
from tests.browser.test_editor import add_after, begin
from tests.runs.making import PATIENCE_SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.bank import Bank
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]
WAYS = [
    pytest.param("Told by keys", {"reduced_motion": "reduce"}, id="by keyboard"),
    pytest.param(
        "Told without script",
        {
            "java_script_enabled": False,
            "color_scheme": "dark",
            "viewport": {"width": 390, "height": 800},
        },
        id="without script",
    ),
]


def press(page: "Page", role: str, name: str) -> None:
    """Reach it and press Enter: no pointer."""
    page.get_by_role(role, name=name, exact=True).first.focus()  # type: ignore[arg-type]
    page.keyboard.press("Enter")


def write(page: "Page", label: str, text: str) -> None:
    named = re.compile(rf"^\s*{re.escape(label)}(\s+optional)?\s*$")
    page.get_by_label(named).first.focus()
    page.keyboard.type(text)


@pytest.mark.parametrize(("title", "way"), WAYS)
def test_a_draft_is_reviewed_published_run_found_and_exported(
    visit: "Visit", bank: "Bank", title: str, way: dict[str, object]
) -> None:
    slug = title.lower().replace(" ", "-")
    has_script = "java_script_enabled" not in way

    author = begin(visit, title, **way)
    add_after(author, "Request", "Redact", "Masked")
    write(author, "Value", "{{ request.text }}")
    press(author, "button", "Save node")
    expect(author.get_by_text("revision 3").first).to_be_visible()
    author.goto(f"/workflows/{slug}/edit/")
    press(author, "link", "Send to review")
    write(author, "What should reviewers know?", "It masks what comes in.")
    press(author, "button", "Send to review")
    expect(author.get_by_text("In review").first).to_be_visible()

    reviewer = visit(f"/workflows/{slug}/reviews/1/", Role.REVIEWER, **way)
    for answer in reviewer.get_by_role("radio", name=re.compile("^Yes")).all():
        answer.focus()
        reviewer.keyboard.press("Space")
    press(reviewer, "button", "Approve")
    expect(reviewer.get_by_text("Approved").first).to_be_visible()
    press(reviewer, "link", "Publish")
    write(reviewer, "Reason", "It was looked at by two.")
    press(reviewer, "button", "Publish")
    expect(reviewer.get_by_text("Version 1 is published.")).to_be_visible()

    operator = visit(f"/runs/start/{slug}/", Role.OPERATOR, **way)
    write(operator, "Text", "My account is DE89 3704 0044 0532 0130 00.")
    press(operator, "button", "Start run")
    operator.wait_for_url("**/runs/*-*/")
    address = operator.url
    if has_script:
        operator.locator(".head .badge", has_text="Completed").wait_for(
            timeout=1_000 * PATIENCE_SECONDS
        )

    analyst = visit("/", Role.OPERATOR, **way)
    analyst.get_by_role("searchbox").or_(analyst.locator("#q")).first.focus()
    analyst.keyboard.type(title)
    analyst.keyboard.press("Enter")
    expect(analyst.get_by_role("link", name=title).first).to_be_visible()
    analyst.goto(f"/runs/?q=workflow:{slug}")
    assert analyst.locator(f'a[href="{address[address.index("/runs/") :]}"]').count()

    officer = visit(f"/workflows/{slug}/versions/1/documentation/", Role.COMPLIANCE_OFFICER, **way)
    with officer.expect_download() as downloaded:
        press(officer, "link", "Markdown")
    document = downloaded.value.path().read_text()
    assert f"# {title}" in document
    assert "Masked" in document
    if has_script:
        soundness.check(officer)
