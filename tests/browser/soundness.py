"""What every page must be, in both themes and on a narrow screen: no sideways scroll, nothing axe finds."""

from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from playwright.sync_api import Page

LOOKS: dict[str, tuple[Any, Any]] = {
    "light": ("light", {"width": 1280, "height": 900}),
    "dark": ("dark", {"width": 1280, "height": 900}),
    "narrow": ("light", {"width": 390, "height": 844}),
}
# Only what it found comes back: what passed is long.
FIND = """
    () => axe.run({resultTypes: ["violations"]}).then(({violations}) =>
        violations.map(({id, nodes}) => [id, nodes.map(({target}) => target)]))
"""


def check(page: "Page") -> None:
    assert page.locator("h1").count() == 1
    page.evaluate(AXE_SCRIPT)
    for look, (scheme, size) in LOOKS.items():
        # Without the colours that are half-way from one theme to the other.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, look
        assert page.evaluate(FIND) == [], look
