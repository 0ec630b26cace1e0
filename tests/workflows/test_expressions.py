"""Conditions: total, strict about types, and never evaluated as code."""

import builtins

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.expressions import NotComparable, Operator, compare, same, type_name

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
OPERATORS = st.sampled_from(list(Operator)) | st.text(max_size=10)


@pytest.mark.parametrize(
    ("left", "op", "right", "holds"),
    [
        (3, "==", 3.0, True),
        (3, "!=", 4, True),
        ("a", "==", "a", True),
        (None, "==", None, True),
        (None, "!=", "text", True),  # nothing may be compared with anything
        (0, "==", None, False),
        (3, "<", 4.5, True),
        (4, "<=", 4, True),
        ("2026-01-02", ">", "2026-01-01", True),
        ("b", ">=", "c", False),
        ("fraud", "in", ["fee", "fraud"], True),
        (True, "in", [1], False),  # true is not 1
        (1, "in", [1.0], True),
        ("art", "in", "party", True),
        ([1, 2], "contains", 2, True),
        ("party", "contains", "art", True),
        ([[1]], "contains", [1], True),
        ({"a": [1]}, "==", {"a": [1.0]}, True),
        ({"a": [1]}, "==", {"a": [True]}, False),
        ([1], "==", [1, 2], False),
        ({"a": 1}, "==", {"b": 1}, False),
    ],
)
def test_what_holds(left, op, right, holds):
    assert compare(left, op, right) is holds


@pytest.mark.parametrize(
    ("left", "op", "right"),
    [
        ("3", "==", 3),  # a text is never a number
        (True, "==", 1),
        (True, "<", 2),
        ("3", "<", 4),
        (None, "<", 1),
        ([1], "<", [2]),
        (1, "in", 1),
        (1, "in", "123"),
        ({"a": 1}, "contains", "a"),
        (1, "===", 1),  # no such operator
        (1, "__eq__", 1),
    ],
)
def test_what_cannot_be_compared_is_an_error_and_not_false(left, op, right):
    with pytest.raises(NotComparable):
        compare(left, op, right)


@settings(max_examples=500, deadline=None)
@given(VALUES, OPERATORS, VALUES)
def test_500_fuzzed_predicates_never_reach_eval(left, op, right):
    def forbidden(*_args, **_kwargs):
        raise AssertionError("code was evaluated")

    kept = {name: getattr(builtins, name) for name in ("eval", "exec", "compile", "__import__")}
    for name in kept:
        setattr(builtins, name, forbidden)
    try:
        held = compare(left, op, right)
    except NotComparable:
        held = None
    finally:
        for name, function in kept.items():
            setattr(builtins, name, function)

    assert held in (True, False, None)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_not_equal_is_the_opposite_of_equal(left, right):
    try:
        equal = compare(left, "==", right)
    except NotComparable:
        with pytest.raises(NotComparable):
            compare(left, "!=", right)
    else:
        assert compare(left, "!=", right) is not equal


@settings(deadline=None)
@given(VALUES, VALUES)
def test_sameness_is_symmetric_and_reflexive(left, right):
    assert same(left, left)
    assert same(left, right) == same(right, left)


def test_what_is_not_json_has_no_type():
    assert type_name(object()) == "something unknown"
