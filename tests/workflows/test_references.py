"""Templates: what is a reference, what it leads to, and what it never reaches."""

import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workflows import references
from workflows.references import (
    Reference,
    ReferenceMissing,
    TemplateUnreadable,
    parse,
    references_in,
    render,
    render_text,
)

OUTPUTS = {
    "letter": {"text": "Hello", "pages": [{"n": 1}, {"n": 2}], "is_new": True, "x-y": None},
    "count": 3,
    "vast": {"é": 2**64},
}
NODE_IDS = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
STEPS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,10}", fullmatch=True) | st.integers(0, 999_999)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ letter.text }}", "Hello"),
        ("{{letter.text}}", "Hello"),
        ("{{ letter.pages[1].n }}", 2),  # exactly one reference keeps the type
        ("{{ letter.is_new }}", True),
        ("{{ letter.x-y }}", None),
        ("{{ count }}", 3),
        ("{{ letter.pages }}", [{"n": 1}, {"n": 2}]),
        ("{{ count }} {{ letter.is_new }} {{ letter.x-y }}", "3 true null"),
        ("{{ letter.pages[0] }}!", '{"n":1}!'),
        ("{{ vast }}!", '{"é":18446744073709551616}!'),
        ("no braces } here {", "no braces } here {"),
        ({"a": ["{{ count }}", 1, None]}, {"a": [3, 1, None]}),
        ("", ""),
    ],
)
def test_rendering(template, value):
    assert render(template, OUTPUTS) == value


def test_render_text_always_gives_a_text():
    assert render_text("{{ letter.pages[0] }}", OUTPUTS) == '{"n":1}'
    assert render_text("{{ letter.text }}", OUTPUTS) == "Hello"


@pytest.mark.parametrize(
    "template",
    [
        "{{ }}",
        "{{ letter.text",
        "{{ letter.text }",
        "{{ letter['text'] }}",
        "{{ letter.text | upper }}",
        "{{ letter.text() }}",
        "{{ 1 + 1 }}",
        "{{ Letter.text }}",
        "{{ letter..text }}",
        "{{ letter[-1] }}",
        "{{ letter[0:2] }}",
        "{{ {{ letter }} }}",
        "{{ letter.text\n}} {{",
    ],
)
def test_anything_else_between_braces_is_refused(template):
    with pytest.raises(TemplateUnreadable):
        parse(template)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ letter.title }}", "has no “title”"),
        ("{{ letter.pages[2] }}", "“letter.pages” has no “2”"),
        ("{{ letter.text.upper }}", "has no “upper”"),  # attributes of Python are out of reach
        ("{{ letter.__class__ }}", "has no “__class__”"),
        ("{{ letter[0] }}", "has no “0”"),
        ("{{ other }}", "no output in this run"),
    ],
)
def test_a_reference_that_leads_nowhere_says_where(template, says):
    with pytest.raises(ReferenceMissing, match=says):
        render(template, OUTPUTS)


def test_a_skipped_node_is_told_from_a_missing_field():
    with pytest.raises(ReferenceMissing) as raised:
        render("{{ other.x }}", OUTPUTS)

    assert raised.value.skipped


def test_values_are_not_rendered_again():
    assert render("{{ a }}", {"a": "{{ b }}", "b": "secret"}) == "{{ b }}"
    assert render("x{{ a }}", {"a": "{{ b }}", "b": "secret"}) == "x{{ b }}"


def test_a_text_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(references, "MAX_TEXT", 10)

    with pytest.raises(ValueError, match="grew beyond"):
        render("{{ a }}{{ a }}!", {"a": "123456"})


def test_references_are_found_with_their_places():
    value = {"a": ["x {{ one.b }} {{ two }}"], "c": 1, "d": "{{ one }}"}

    found = [(path, str(reference)) for path, reference in references_in(value)]

    assert found == [(("a", 0), "one.b"), (("a", 0), "two"), (("d",), "one")]


@settings(deadline=None)
@given(NODE_IDS, st.lists(STEPS, max_size=5))
def test_what_a_reference_prints_reads_as_the_same_reference(node, path):
    reference = Reference(node, tuple(path))

    assert parse("{{ " + str(reference) + " }}") == (reference,)


@settings(deadline=None)
@given(st.text(alphabet=string.printable + "{}", max_size=60))
@example("}}{{a}}")
def test_a_text_is_read_or_refused_and_literal_parts_are_kept(text):
    try:
        parts = parse(text)
    except TemplateUnreadable:
        assert "{{" in text
        return
    literal = "".join(part for part in parts if isinstance(part, str))
    assert len(literal) <= len(text)
    if "{{" not in text:
        assert literal == text
