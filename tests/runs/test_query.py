"""Questions to the run list as text: what they mean, what is said about what is not understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import query
from runs.filters import FIELDS
from runs.query import Condition, Query

FAILED = Condition("status", ("failed",))


def parse(text: str) -> Query:
    return query.parse(text, FIELDS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("status:failed", [FAILED]),
        ("STATUS:failed", [FAILED]),
        ("-status:failed", [Condition("status", ("failed",), excluded=True)]),
        ("status:failed,waiting", [Condition("status", ("failed", "waiting"))]),
        ("status:failed status:waiting", [Condition("status", ("failed", "waiting"))]),
        ("status:failed -status:failed", [FAILED, Condition("status", ("failed",), excluded=True)]),
        ('owner:"A, B and C"', [Condition("owner", ("A, B and C",))]),
        ('owner:"A",B', [Condition("owner", ("A", "B"))]),
        (r'owner:"say \"x\" \\"', [Condition("owner", ('say "x" \\',))]),
        ("owner:a:b", [Condition("owner", ("a:b",))]),
        ('owner:-"x"', [Condition("owner", ("-x",))]),
        ("started:>=2026-11-01", [Condition("started", ("2026-11-01",), operator=">=")]),
        (
            "started:>=2026-11-01 started:<2026-12-01",
            [
                Condition("started", ("2026-11-01",), operator=">="),
                Condition("started", ("2026-12-01",), operator="<"),
            ],
        ),
        ('started:"2026-11-01 09:00"', [Condition("started", ("2026-11-01 09:00",))]),
        ("started:2026-11-01T09:00:00Z", [Condition("started", ("2026-11-01T09:00:00Z",))]),
        ("version:triage@3", [Condition("version", ("triage@3",))]),
        ("mortgage letter", [Condition("", ("mortgage letter",))]),
        ('"status:failed"', [Condition("", ("status:failed",))]),  # in quotation marks: a text
        ('sta"tus:"failed', [Condition("", ("status:failed",))]),
        ("  spaces   between ", [Condition("", ("spaces between",))]),
        ("مرحبا", [Condition("", ("مرحبا",))]),
    ],
)
def test_text_becomes_parts(text: str, expected: list[Condition]) -> None:
    read = parse(text)

    assert list(read.conditions) == expected
    assert read.problems == ()
    assert parse(read.text).conditions == read.conditions  # what is written is read the same


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("state:failed", "“state” is not a filter. Did you mean “status”? Known are: status,"),
        ("colour:green", "“colour” is not a filter. Known are: status,"),
        ("status:asleep", "“asleep” is not a value of “status”. Known are: queued, running,"),
        ("status:failed,asleep", "“asleep” is not a value"),
        ("status:", "“status:” says no value"),
        ("status:,", "“status:” says no value"),
        ('owner:"A and', "A quotation mark is missing"),
        ("-mortgage", "“-mortgage” is not understood. Say what is to be left out"),
        ("-started:2026-11-01", "Write started: without the minus"),
        ("-parent:x", "without the minus"),
        ("owner:>5", "Only “started” takes"),
        ("started:yesterday", "“yesterday” is no time. Write a date"),
        ("started:>=2026-02-30", "“2026-02-30” is no time"),
        ("version:x", "“x” is no version. Write version:3"),
        ("version:@3", "“@3” is no version"),
        ("version:²", "is no version"),
        ("parent:1234", "“1234” is not the id of a run"),
        ("class:secret", "Known are: public, internal, confidential, restricted."),
        ("denied:perhaps", "Known are: yes, no."),
        ("x" * 2001, "at most 2,000 signs; this one has 2,001"),
    ],
)
def test_what_is_not_understood_is_named_with_its_remedy(text: str, sentence: str) -> None:
    read = parse(text)

    assert len(read.problems) == 1
    assert sentence in read.problems[0]


def test_what_is_understood_stays_beside_what_is_not() -> None:
    read = parse("status:failed colour:green owner:north")

    assert [each.name for each in read.conditions] == ["status", "owner"]


def test_parts_are_taken_away_and_added() -> None:
    read = parse("status:failed,waiting -workflow:triage letter")

    assert read.without("status").text == "-workflow:triage letter"
    assert read.less(read.conditions[1]).text == "status:failed,waiting letter"
    assert read.plus([Condition("status", ("queued",))]).text.startswith(
        "status:failed,waiting,queued "
    )
    assert read.has("workflow")
    assert not read.has("owner")


values = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() == text and text)
conditions = st.builds(
    Condition,
    st.sampled_from(["owner", "workflow", "node", "error", "by"]),
    st.lists(values, min_size=1, max_size=3, unique=True).map(tuple),
    st.booleans(),
)


@given(st.lists(conditions, max_size=4))
def test_whatever_is_written_is_read_the_same(parts: list[Condition]) -> None:
    asked = Query().plus(parts)

    assert parse(asked.text).conditions == asked.conditions
    assert parse(asked.text).problems == ()


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    read = parse(text)

    assert all(read.problems)
    assert parse(read.text).problems == ()
