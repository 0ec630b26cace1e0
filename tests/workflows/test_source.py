"""Reading text: places, and everything that is refused before anything is built from it."""

import time
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows import source
from workflows.errors import SourceUnreadable
from workflows.source import Place, read


def test_values_are_those_of_yaml_1_2():
    text = "a: [1, 2.5, 1e3, yes, true, 2026-01-01, ~, 0x10, on]\nb: |\n  two\n  lines\nc: !!str 1\n1: x"

    assert read(text).value == {
        "a": [1, 2.5, 1000.0, "yes", True, "2026-01-01", None, 16, "on"],
        "b": "two\nlines\n",
        "c": "1",
        "1": "x",
    }


def test_places_are_those_of_the_keys():
    found = read("a: 1\nb:\n  c: [x,\n    y]\n")

    assert found.place(("a",)) == Place(1, 1)
    assert found.place(("b", "c")) == Place(3, 3)
    assert found.place(("b", "c", 1)) == Place(4, 5)
    assert found.place(("b", "c", 1, "deeper")) == Place(4, 5)  # the nearest around it
    assert source.of_value({}).place(("a",)) is None


def test_json_has_places_too():
    found = read('{\n  "a": {"b": [1.5, "\\ud83d\\ude00 \\/"]}\n}', media="json")

    assert found.value == {"a": {"b": [1.5, "😀 /"]}}
    assert found.place(("a", "b")) == Place(2, 9)


def test_json_that_yaml_cannot_follow_has_a_value_and_perhaps_no_places():
    text = '{"%s": 1}' % ("k" * 2000)

    assert read(text, media="json").value == {"k" * 2000: 1}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "source_empty", 1),
        ("# nothing\n", "source_empty", 1),
        ("a: 1\nb: [", "yaml_syntax", 2),
        ("a: 1\n\tb: 2", "yaml_syntax", 2),
        ("a: 1\na: 2", "duplicate_key", 2),
        ("a: {x: 1, x: 2}", "duplicate_key", 1),
        ("a: 1\nb: &x 1", "anchor_refused", 2),
        ("a: *x", "anchor_refused", 1),
        ("a: &x {b: 1}\nc: {<<: *x}", "anchor_refused", 1),
        ("<<: {a: 1}", "anchor_refused", 1),
        ("a: !!python/object/apply:os.system [ls]", "tag_refused", 1),
        ("a: !secret x", "tag_refused", 1),
        ("a: !!binary aGk=", "tag_refused", 1),
        ("a: 1\n---\nb: 2", "yaml_documents", 2),
        ("? [a]\n: 1", "key_not_text", 1),
        ("a: .inf", "number_out_of_range", 1),
        ("a: 9007199254740993", "number_out_of_range", 1),
        ("a: " + "9" * 6000, "number_out_of_range", 1),
        ("a: !!int x", "value_unreadable", 1),
        ('a: "\\ud800"', "text_invalid", 1),
        ('a: "x\\0y"', "text_invalid", 1),
        ("[" * 5000, "too_deep", 1),
        ("a: \x00", "yaml_syntax", None),
        (b"a: 1\nb: \xff", "source_not_utf8", 2),
        ("a" * 1_000_001, "source_too_large", None),
        ("- 1\n" * 30_000, "too_many_values", 20_000),
    ],
)
def test_refused_with_its_line(text, code, line):
    started = time.process_time()

    with pytest.raises(SourceUnreadable) as raised:
        read(text)

    assert raised.value.problem_code == code
    assert raised.value.line == line
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1', "json_syntax"),
        ("{'a': 1}", "json_syntax"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"a": NaN}', "number_out_of_range"),
        ('{"a": 1e999}', "number_out_of_range"),
        ('{"a": 90071992547409930}', "number_out_of_range"),
        ('{"a": "\\ud800"}', "text_invalid"),
        ('{"a": "x\\u0000y"}', "text_invalid"),
        ("[" * 50 + "]" * 50, "too_deep"),
        ("[" * 200_000, "too_deep"),
    ],
)
def test_json_is_refused(text, code):
    with pytest.raises(SourceUnreadable) as raised:
        read(text, media="json")

    assert raised.value.problem_code == code


def test_a_byte_order_mark_is_no_obstacle():
    assert read(b"\xef\xbb\xbfa: 1").value == {"a": 1}
    assert read("\ufeffa: 1").value == {"a": 1}


def test_laughs_are_refused_before_they_are_told():
    text = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"

    with pytest.raises(SourceUnreadable, match="Anchors"):
        read(text)


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(JSON)
def test_json_reads_as_json(value):
    assert read(orjson.dumps(value), media="json").value == value


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="ab:-[]{},\"' \n\t#&*!|>?%@`1.~", max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(SourceUnreadable):
        read(text)
