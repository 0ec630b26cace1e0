"""Texts word by word: what is shown puts both texts together again, whatever they say."""

from hypothesis import given
from hypothesis import strategies as st

from workflows.differences.change import Part
from workflows.differences.texts import counted, listed, parts, said

TEXTS = st.text(alphabet="ab \n.é\u05d0", max_size=60)


@given(TEXTS, TEXTS)
def test_the_parts_are_both_texts(before: str, after: str) -> None:
    found = parts(before, after)

    assert "".join(part.text for part in found if part.sign != "+") == before
    assert "".join(part.text for part in found if part.sign != "-") == after


def test_one_word_in_a_long_prompt_is_one_word() -> None:
    long = "word " * 2_000

    found = parts(f"{long}old {long}", f"{long}new {long}")

    assert [part for part in found if part.sign != " "] == [Part("-", "old"), Part("+", "new")]
    assert counted(found) == "1 word came, 1 word went"


def test_what_is_quite_another_text_is_told_by_its_lines() -> None:
    before = "\n".join(f"one {number}" for number in range(900))
    after = "\n".join(f"other {number}" for number in range(900))

    assert {part.sign for part in parts(before, after)} == {"-", "+"}


def test_values_are_said_short() -> None:
    assert [said(value) for value in (None, True, 1000, 0.5, "a  b", ["a", "b"], {"a": 1})] == [
        "nothing",
        "yes",
        "1,000",
        "0.5",
        "“a b”",
        "“a” and “b”",
        '`{"a": 1}`',
    ]
    assert said("x" * 200).endswith("…”")
    assert listed([str(number) for number in range(9)]) == "“0”, “1”, “2”, “3”, “4” and 4 more"
