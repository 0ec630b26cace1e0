"""Conditions on edges and in refine: decided or refused, recorded, and never evaluated as code (row A3)."""

import builtins

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.expressions import Comparison, Operator
from workflows.nodes import NodeFailed
from workflows.nodes.comparing import judge

CODE = st.sampled_from(
    [
        "__import__('os').system('true')",
        "{{ a.__class__ }}",
        "{{ a['b'] }}",
        "{{ ''.join([]) }}",
        "exec('1')",
        "{{ a.b }}",
        "{{ a }} or True",
        "lambda: 1",
        "${7*7}",
        "{% if a %}",
    ]
)
SIDES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | CODE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
OPERATORS = st.sampled_from([op.value for op in Operator]) | st.text(max_size=10) | CODE


def refuse(*_args, **_named):
    raise AssertionError("A condition reached the evaluation of code.")


@settings(max_examples=500, deadline=None)
@given(left=SIDES, op=OPERATORS, right=SIDES, value=SIDES)
def test_no_condition_is_ever_evaluated_as_code(left, op, right, value):
    evaluators = {name: getattr(builtins, name) for name in ("eval", "exec", "compile")}
    for name in evaluators:
        setattr(builtins, name, refuse)
    try:
        judgement = judge(Comparison(left=left, op=op, right=right), {"a": value})
        outcome = judgement.held
    except NodeFailed as error:
        outcome = error.code
    finally:
        for name, kept in evaluators.items():
            setattr(builtins, name, kept)

    failures = {"not_comparable", "reference_missing", "template_unreadable"}
    assert outcome in (True, False) or outcome in failures


def test_the_record_says_what_was_written_and_what_was_compared():
    comparison = Comparison(left="{{ a.severity }}", op=">=", right=3)

    assert judge(comparison, {"a": {"severity": 4}}).record == {
        "op": ">=",
        "held": True,
        "left": {"written": "{{ a.severity }}", "value": 4},
        "right": {"written": 3, "value": 3},
    }


def test_what_cannot_be_compared_is_a_failure_and_not_false():
    with pytest.raises(NodeFailed) as raised:
        judge(Comparison(left="{{ a }}", op="<", right=3), {"a": "x"})

    assert raised.value.code == "not_comparable"
