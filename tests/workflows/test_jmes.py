"""JMESPath within bounds."""

import time

import pytest

from workflows import jmes
from workflows.jmes import ExpressionFailed, check, looks_at_everything, names_in, search

VALUE = {"letter": {"text": "Hello", "lines": ["a", "b"]}, "classify": {"category": "fee"}}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("{a: letter.text, b: classify.category}", {"a": "Hello", "b": "fee"}),
        ("letter.lines[0]", "a"),
        ("join(', ', letter.lines)", "a, b"),
        ("length(letter.lines)", 2),
        ("nothing.here", None),
        ("letter.lines[?@ == 'b'] | [0]", "b"),
    ],
)
def test_searching(expression, result):
    check(expression)

    assert search(expression, VALUE) == result


@pytest.mark.parametrize(
    ("expression", "names", "everything"),
    [
        ("{a: letter.text, b: x[0].y[?c].d}", ["letter", "x"], False),
        ("letter.lines | [0]", ["letter"], False),
        ("length(letter.lines) > `1` && classify.category || other", ["letter", "classify", "other"], False),
        ("map(&inner, letter.lines)", ["letter"], False),
        ("[letter, classify].text", ["letter", "classify"], False),
        ("keys(@)", [], True),
        ("*.text", [], True),
        ("[0]", [], True),
        ("not valid (", [], False),
    ],
)  # fmt: skip
def test_names_at_the_top(expression, names, everything):
    assert names_in(expression) == names
    assert looks_at_everything(expression) is everything


@pytest.mark.parametrize("expression", ["{a: ", "nope(@)", "a.b(", "x" * 5000, "(" * 3000])
def test_what_is_not_jmespath_is_refused(expression):
    with pytest.raises(ExpressionFailed) as raised:
        check(expression)

    assert raised.value.code == "expression_invalid"


@pytest.mark.parametrize(
    "expression", ["length(`1`)", "abs('x')", "sum(letter.lines)", "keys(`[]`)"]
)
def test_what_does_not_fit_the_values_fails(expression):
    with pytest.raises(ExpressionFailed) as raised:
        search(expression, VALUE)

    assert raised.value.code == "expression_failed"


@pytest.mark.parametrize(
    "expression",
    [
        " | ".join(["[@, @]"] * 60),  # doubles with every step
        " | ".join(["[@, @][]"] * 60),
        " | ".join(["map(&[@, @], [@, @])"] * 40),
        "letter.text | " + " | ".join(["join(@, [@, @, @, @])"] * 30),
        " | ".join(["[@, @]"] * 60) + " | to_string(@)",
        "letter.lines | " + " | ".join(["[@[], @[]][]"] * 60),
    ],
)
def test_a_bomb_is_refused_soon(expression):
    started = time.process_time()

    with pytest.raises(ExpressionFailed) as raised:
        search(expression, VALUE)

    assert raised.value.code == "expression_too_large"
    assert time.process_time() - started < 10


def test_what_is_nested_too_deep_is_refused(monkeypatch):
    def too_deep(*_args):
        raise RecursionError

    monkeypatch.setattr(jmes, "_measure", too_deep)

    with pytest.raises(ExpressionFailed, match="nested too deep"):
        search("letter", VALUE)


@pytest.mark.parametrize("expression", ["letter.text[]", "avg(letter.lines[?@ == 'z'])"])
def test_nothing_comes_of_nothing(expression):
    assert search(expression, VALUE) is None


def test_numbers_out_of_range_fail_and_do_not_crash():
    with pytest.raises(ExpressionFailed) as raised:
        search("sum(letter)", {"letter": [10**400, 1.5]})

    assert raised.value.code == "expression_failed"


def test_sizes_are_counted_before_they_are_made(monkeypatch):
    monkeypatch.setattr(jmes, "MAX_VALUES", 5)
    monkeypatch.setattr(jmes, "MAX_CHARACTERS", 5)

    for expression in ("letter[]", "join(',', letter[0])"):
        with pytest.raises(ExpressionFailed, match="larger than"):
            search(expression, {"letter": [["ab", "cd"], ["e"] * 9]})


def test_fuel_ends_long_searches(monkeypatch):
    monkeypatch.setattr(jmes, "MAX_FUEL", 10)

    with pytest.raises(ExpressionFailed, match="too many steps"):
        search("letter.lines[*].length(@)", VALUE)


def test_a_failure_names_the_kind_of_a_value_and_never_the_value():
    with pytest.raises(ExpressionFailed) as raised:
        search("abs(letter)", {"letter": "DE89 3704 0044 0532 0130 00"})

    sentence = str(raised.value)
    assert sentence == "The expression cannot be applied: abs() takes number, and was given string."
