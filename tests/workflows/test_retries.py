"""When a node is tried again, and how long it waits before that (row A6)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows import json_schemas, retries
from workflows.providers.errors import FailureKind
from workflows.retries import CODES, MAX_ATTEMPTS, TRANSIENT, RetryRule, wait_before_next
from workflows.tools.errors import ToolFailure

RULES = retries.read(
    [
        {"on": ["model_rate_limited"], "attempts": 5, "wait_seconds": 10, "at_most_seconds": 30},
        {"attempts": 3},
    ]
)


def longest(code: str, attempt: int) -> float | None:
    return wait_before_next(RULES, code=code, attempt=attempt, chance=1.0)


@pytest.mark.parametrize(
    ("code", "attempt", "seconds"),
    [
        ("model_rate_limited", 1, 10),  # the first rule that names the code
        ("model_rate_limited", 2, 20),
        ("model_rate_limited", 3, 30),  # bounded
        ("model_rate_limited", 4, 30),
        ("model_rate_limited", 5, None),  # that was the last attempt
        ("model_timeout", 1, 1),  # no `on`: whatever may go away by itself
        ("model_timeout", 2, 2),
        ("model_timeout", 3, None),
        ("output_schema_mismatch", 1, None),  # nothing that stays as it is
        ("denied", 1, None),
    ],
)
def test_how_long_it_waits_at_most(code, attempt, seconds):
    assert longest(code, attempt) == seconds


def test_without_rules_nothing_is_tried_again():
    assert retries.read(None) == ()
    assert wait_before_next((), code="timeout", attempt=1, chance=0.5) is None


def test_one_rule_needs_no_list():
    assert retries.read({"attempts": 4}) == (RetryRule(attempts=4),)


RULE = st.builds(
    RetryRule,
    attempts=st.integers(1, MAX_ATTEMPTS),
    wait_seconds=st.floats(0, 86_400),
    factor=st.floats(1, 10),
    at_most_seconds=st.floats(0, 86_400),
)


@settings(deadline=None)
@given(rule=RULE, attempt=st.integers(1, 50), chance=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_its_bound(rule, attempt, chance):
    wait = wait_before_next([rule], code="timeout", attempt=attempt, chance=chance)

    assert (wait is None) == (attempt >= rule.attempts)
    assert wait is None or 0 <= wait <= rule.at_most_seconds


def test_every_way_a_provider_fails_has_a_code_that_rules_can_name():
    assert {f"model_{kind}" for kind in FailureKind} <= CODES
    assert TRANSIENT < CODES


def test_every_way_a_tool_fails_has_a_code_but_the_one_that_is_never_repeated():
    codes = {f"tool_{kind}" for kind in ToolFailure}

    assert codes - CODES == {"tool_outcome_unknown"}


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ({"attempts": 3}, True),
        ([{"attempts": 3}, {"on": ["timeout"], "wait_seconds": 0.5}], True),
        ({}, True),
        ([], False),
        ({"attempts": 0}, False),
        ({"tries": 3}, False),
        ({"on": []}, False),
        (3, False),
    ],
)
def test_the_form_of_rules(written, fits):
    assert (json_schemas.faults(retries.SCHEMA, written) == []) is fits
