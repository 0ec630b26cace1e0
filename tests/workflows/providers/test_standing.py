"""The breaker as values: what failures, answers and time make of it."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.providers.errors import FailureKind
from workflows.providers.standing import (
    CLOSED,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    OPENS_AFTER,
    PAUSE,
    Breaker,
    Standing,
    after_answer,
    after_failure,
    may_try,
)

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def failed(times: int, standing: Standing = CLOSED, at: datetime = AT) -> Standing:
    for _ in range(times):
        standing = after_failure(standing, FailureKind.SERVER, None, at)
    return standing


def test_one_failure_is_a_rest_and_three_open_the_breaker() -> None:
    once, thrice = failed(1), failed(OPENS_AFTER)

    assert once.breaker(AT) is Breaker.RESTING
    assert once.breaker(AT + PAUSE) is Breaker.CLOSED
    assert thrice.breaker(AT) is Breaker.OPEN
    assert thrice.open_until is not None
    assert thrice.breaker(thrice.open_until) is Breaker.HALF_OPEN
    assert (may_try(once, AT), may_try(thrice, AT)) == (True, False)


def test_failures_in_a_row_double_the_pause_up_to_a_bound() -> None:
    pauses, standing, at = [], CLOSED, AT
    for _ in range(10):
        standing = after_failure(standing, FailureKind.TIMEOUT, None, at)
        assert standing.open_until is not None
        pauses.append(standing.open_until - at)
        at = standing.open_until

    assert pauses[:4] == [PAUSE, 2 * PAUSE, 4 * PAUSE, 8 * PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


def test_calls_that_had_left_before_it_opened_change_nothing() -> None:
    opened = failed(OPENS_AFTER)

    assert failed(50, opened) == opened


def test_provider_that_says_how_long_is_left_alone_for_so_long() -> None:
    asked = after_failure(CLOSED, FailureKind.RATE_LIMITED, 60, AT)
    greedy = after_failure(CLOSED, FailureKind.RATE_LIMITED, 10**9, AT)
    longer = after_failure(asked, FailureKind.RATE_LIMITED, 90, AT)
    shorter = after_failure(asked, FailureKind.RATE_LIMITED, 5, AT)

    assert asked.breaker(AT + timedelta(seconds=59)) is Breaker.OPEN
    assert asked.breaker(AT + timedelta(seconds=60)) is Breaker.HALF_OPEN
    assert greedy.open_until == AT + LONGEST_WAIT
    assert longer.open_until == AT + timedelta(seconds=90)
    assert shorter == asked


@pytest.mark.parametrize(
    "kind", [FailureKind.BAD_REQUEST, FailureKind.REFUSED, FailureKind.AUTH, FailureKind.MALFORMED]
)
def test_what_was_wrong_with_the_request_begins_nothing(kind: FailureKind) -> None:
    assert after_failure(CLOSED, kind, None, AT) == CLOSED


def test_good_answer_closes_it_and_a_second_one_changes_nothing() -> None:
    answered = after_answer(failed(5), asked="m", answered="m-1")

    assert answered == Standing(model_asked="m", model_answered="m-1")
    assert after_answer(answered, asked="m", answered="m-1") == answered


def test_another_version_is_drift_but_another_pinned_model_is_not() -> None:
    known = Standing(model_asked="m", model_answered="m-1")

    assert known.has_drifted(asked="m", answered="m-2")
    assert not known.has_drifted(asked="m", answered="m-1")
    assert not known.has_drifted(asked="other", answered="other-1")
    assert not CLOSED.has_drifted(asked="m", answered="m-1")
