"""Pages run under a strict content security policy: nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

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
UNESCAPED = re.compile(r"\|\s*safe\b|{%\s*autoescape\s+off")
NAMED_FIELD = re.compile(r'type="(hidden|submit|button)"|\bid=|aria-label|\{\{')


def test_there_are_templates() -> None:
    assert source.templates()


def test_templates_have_nothing_inline_and_nothing_remote() -> None:
    found = [
        f"{kind}: {source.name(path)}, line {text[: match.start()].count(chr(10)) + 1}"
        for path, text in texts()
        for kind, pattern in FORBIDDEN.items()
        for match in pattern.finditer(text)
    ]

    assert not found


def test_templates_escape_what_they_print() -> None:
    found = [source.name(path) for path, text in texts() if UNESCAPED.search(text)]

    assert not found, "What is safe is marked so where it is made"


def test_every_field_has_a_label_and_every_picture_a_text() -> None:
    pictures = [
        f"{source.name(path)}: {picture}"
        for path, text in texts()
        for picture in re.findall(r"<img\b[^>]*>", text)
        if "alt=" not in picture
    ]
    fields = [
        f"{source.name(path)}: {field}"
        for path, text in texts()
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text)
        if not NAMED_FIELD.search(field) and not is_inside_label(field, text)
    ]

    assert not pictures
    assert not fields


def test_footers_of_cards_hold_an_element() -> None:
    """The style leaves out a footer without one, such as pages of which there is one: bare words would not be seen."""
    footer, tags = (
        re.compile(r'<div class="card__f">(.*?)</div>', re.DOTALL),
        re.compile(r"{[%{].*?[%}]}"),
    )

    bare = [
        source.name(path)
        for path, text in texts()
        for inside in footer.findall(text)
        if "{% include" not in inside and "<" not in tags.sub("", inside)
    ]

    assert not bare


def texts() -> list[tuple[Path, str]]:
    return [(path, path.read_text()) for path in source.templates()]


def is_inside_label(field: str, text: str) -> bool:
    return "<label" in text.split(field, maxsplit=1)[0].rsplit("</label>", 1)[-1]
