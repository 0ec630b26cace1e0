"""Pages run under a strict content security policy: nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from tests.architecture import source

FORBIDDEN = {
    "inline style": re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE),
    "inline script": re.compile(r"<script(?![^>]*\bsrc\s*=)", re.IGNORECASE),
    "inline handler": re.compile(r"\son[a-z]+\s*=|hx-on[:-]", re.IGNORECASE),
    "script as an address or a value": re.compile(
        r"javascript:|hx-(vals|headers)\s*=\s*['\"]js:", re.IGNORECASE
    ),
    "eval in a trigger": re.compile(r"hx-trigger\s*=\s*['\"][^'\"]*\[", re.IGNORECASE),
    "something remote": re.compile(
        r"<(script|link|img|iframe|source|use|image)\b[^>]*\b(src|href)\s*=\s*['\"](https?:)?//",
        re.IGNORECASE,
    ),
}
# SVG names its own vocabulary by an address that nobody fetches.
SAFE_TO_PRINT = re.compile(r"\|\s*safe\b|{%\s*autoescape\s+off")
DEEPEST = 3


def test_there_are_templates() -> None:
    assert source.templates()


@pytest.mark.parametrize("path", source.templates(), ids=source.name)
def test_template_has_nothing_inline_and_nothing_remote(path: Path) -> None:
    text = path.read_text()

    found = [
        f"{kind}: line {text[: match.start()].count(chr(10)) + 1}"
        for kind, pattern in FORBIDDEN.items()
        for match in pattern.finditer(text)
    ]

    assert not found


@pytest.mark.parametrize("path", source.templates(), ids=source.name)
def test_template_escapes_what_it_prints(path: Path) -> None:
    assert not SAFE_TO_PRINT.search(path.read_text()), "What is safe is marked so where it is made"


@pytest.mark.parametrize("path", source.templates(), ids=source.name)
def test_every_field_has_a_label_and_every_picture_a_text(path: Path) -> None:
    text = path.read_text()
    pictures = [image for image in re.findall(r"<img\b[^>]*>", text) if "alt=" not in image]
    fields = [
        field
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text)
        if not re.search(r'type="(hidden|submit|button)"|\bid=|aria-label|\{\{', field)
    ]

    assert not pictures
    assert not [
        field for field in fields if "<label" not in text.split(field)[0].rsplit("</label>", 1)[-1]
    ]
