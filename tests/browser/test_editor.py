"""Authoring in Chromium: with the keyboard alone, with HTMX, and without any script."""

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tenancy.context import tenant_context
from tenancy.permissions import Role
from tests.browser import soundness
from workflows import node_tree, source
from workflows.models import Workflow

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.bank import Bank
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]
NEW = "/workflows/-/new/"


def begin(visit: "Visit", title: str, **options: object) -> "Page":
    """A draft of an input and an answer, begun by keyboard alone: no click."""
    page = visit(NEW, Role.AUTHOR, **options)
    page.get_by_label("Title").focus()
    page.keyboard.type(title)
    page.get_by_role("radio", name="Empty").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Create draft").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    return page


def add_after(page: "Page", before: str, kind: str, title: str) -> None:
    page.get_by_role("link", name=f"Add a node after {before}", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Add a node")).to_be_visible()
    page.get_by_label("What it does").focus()
    page.keyboard.type(kind)
    page.get_by_label("Name").focus()
    page.keyboard.type(title)
    page.keyboard.press("Enter")
    expect(page.locator("#panel h2")).to_have_text(title)


def written(bank: "Bank", slug: str) -> list[tuple[str, list[str]]]:
    with tenant_context(bank.tenant):
        head = Workflow.objects.select_related("head__workflow").get(slug=slug).head
        assert head is not None
        spec = source.read(head.source).value
    return [
        (spot.written.get("title", ""), spot.written.get("after", []))
        for spot in node_tree.spots(spec)
    ]


def test_twelve_nodes_are_authored_with_the_keyboard_alone(visit: "Visit", bank: "Bank") -> None:
    page = begin(visit, "By keyboard", reduced_motion="reduce")

    before = "Request"
    for count in range(1, 11):
        add_after(page, before, "Redact", f"Mask {count}")
        page.get_by_label("Put a value from upstream into value").focus()
        page.keyboard.press("ArrowDown")
        page.get_by_role("button", name="Save node").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"Saved as revision {1 + 2 * count}.")).to_be_visible()
        before = f"Mask {count}"

    made = written(bank, "by-keyboard")
    assert len(made) == 12
    assert made[-1] == ("Answer", ["redact_10"])
    expect(page.get_by_text("Nothing in the way")).to_be_visible()
    soundness.check(page)


def test_a_node_is_added_and_saved_without_any_script(visit: "Visit", bank: "Bank") -> None:
    page = begin(visit, "Without script", java_script_enabled=False)

    add_after(page, "Request", "Redact", "Masked")
    page.get_by_label("Value", exact=True).fill("{{ request.text }}")
    page.get_by_role("button", name="Save node").click()

    expect(page.get_by_text("The draft is revision 3.")).to_be_visible()
    assert written(bank, "without-script")[-1] == ("Answer", ["redact"])


def test_the_back_button_leads_to_the_node_before(visit: "Visit") -> None:
    page = visit("/workflows/complaint-handling/edit/?node=mask", Role.AUTHOR)

    page.locator("#outline").get_by_role("link", name=re.compile("^Classify")).click()
    expect(page.locator("#panel h2")).to_have_text("Classify")
    page.go_back()

    expect(page.locator("#panel h2")).to_have_text("Mask personal data")
    assert page.url.endswith("?node=mask")


def test_a_second_person_is_told_what_the_first_did(visit: "Visit", bank: "Bank") -> None:
    begin(visit, "Together")
    address = "/workflows/together/edit/?node=request"
    ann, bea = visit(address, Role.AUTHOR), visit(address, Role.AUTHOR)
    ann.get_by_label("Name", exact=True).fill("Hers")
    ann.get_by_role("button", name="Save node").click()
    expect(ann.get_by_text("Saved as revision 2.")).to_be_visible()

    bea.get_by_label("What this node does").fill("Mine")
    bea.get_by_role("button", name="Save node").click()
    expect(bea.get_by_text("Nothing is lost")).to_be_visible()
    expect(bea.get_by_label("What this node does")).to_have_value("Mine")
    soundness.check(bea)
    bea.get_by_role("button", name="Apply mine on top").click()
    expect(bea.get_by_text("Saved as revision 3.")).to_be_visible()

    with tenant_context(bank.tenant):
        head = Workflow.objects.select_related("head__workflow").get(slug="together").head
        assert head is not None
        assert "title: Hers" in head.source
        assert "description: Mine" in head.source
