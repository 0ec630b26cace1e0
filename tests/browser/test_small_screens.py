"""Little room: the navigation is behind a button, and a graph shrinks before it is scrolled."""

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tenancy.permissions import Role
from tests.browser import soundness
from workflows.drawing import SHRINKS_TO

if TYPE_CHECKING:
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]

NARROW = {"width": 390, "height": 844}


@pytest.mark.parametrize("with_script", [True, False])
def test_the_menu_of_a_small_screen_is_opened_and_closed_by_keys(
    visit: "Visit",
    with_script: bool,
) -> None:
    page = visit(
        "/workflows/",
        Role.AUTHOR,
        viewport=NARROW,
        java_script_enabled=with_script,
        reduced_motion="reduce",
    )
    menu, button = (
        page.get_by_role("navigation", name="Main"),
        page.get_by_role("button", name="Menu"),
    )

    expect(menu).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    button.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()

    page.keyboard.press("Enter")
    if with_script:
        soundness.check(page)
        page.set_viewport_size(NARROW)
    menu.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", level=1, name="Runs")).to_be_in_viewport()


def test_a_wide_screen_shows_the_navigation_and_no_button(visit: "Visit") -> None:
    page = visit("/workflows/", Role.AUTHOR)

    expect(page.get_by_role("navigation", name="Main")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()


@pytest.mark.parametrize(
    "path", ["/workflows/complaint-handling/edit/", "/workflows/complaint-handling/"]
)
def test_a_graph_shrinks_as_far_as_it_can_be_read(visit: "Visit", path: str) -> None:
    page = visit(path, Role.AUTHOR)
    graph = page.locator("svg.graph").first
    natural = float(graph.get_attribute("width") or 0)
    region = page.locator(".scroll:has(> svg.graph)").first
    drawn, room = [], []
    for width in (1280, 390, 300):
        page.set_viewport_size({"width": width, "height": 844})
        drawn.append((graph.bounding_box() or {"width": 0})["width"])
        room.append(
            region.evaluate(
                "e => { const {paddingLeft, paddingRight} = getComputedStyle(e);"
                " return e.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) }"
            )
        )

    assert min(room) < natural * SHRINKS_TO  # or it would show nothing
    assert drawn == pytest.approx(
        [min(natural, max(width, natural * SHRINKS_TO)) for width in room], abs=1
    )
