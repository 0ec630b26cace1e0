"""Which state may follow which, held against each other and against the database."""

import itertools

import pytest
from django.db import IntegrityError, transaction

from runs.models import TERMINAL, Run, RunStatus
from runs.models.states import ALLOWED, before, can_follow
from tests.runs.making import make_run
from workflows.models import WorkflowVersion


def test_every_state_says_what_may_follow() -> None:
    assert set(ALLOWED) == set(RunStatus)


@pytest.mark.parametrize(
    ("first", "then", "allowed"),
    [
        ("queued", "running", True),
        ("queued", "cancelled", True),
        ("queued", "completed", False),  # nothing completes unseen
        ("running", "waiting", True),
        ("running", "disposed", False),  # what runs is not disposed of
        ("queued", "disposed", False),
        ("waiting", "disposed", False),
        ("failed", "queued", True),  # by a resume
        ("completed", "queued", False),
        ("cancelled", "queued", False),
        ("completed", "running", False),
    ],
)
def test_a_state_follows_another(first: str, then: str, allowed: bool) -> None:
    assert can_follow(first, then) is allowed
    assert (first in before(then)) is allowed


def test_nothing_follows_a_disposal() -> None:
    assert not any(can_follow(RunStatus.DISPOSED, status) for status in RunStatus)


def test_an_ended_run_can_only_be_disposed_of_or_resumed() -> None:
    pairs = itertools.product(TERMINAL - {RunStatus.DISPOSED}, RunStatus)

    followed = {(first, then) for first, then in pairs if can_follow(first, then)}

    assert followed == {
        *((first, RunStatus.DISPOSED) for first in TERMINAL - {RunStatus.DISPOSED}),
        (RunStatus.FAILED, RunStatus.QUEUED),
    }


def test_every_state_can_be_reached_and_left() -> None:
    for status in RunStatus:
        assert status == RunStatus.QUEUED or before(status), status
        assert status == RunStatus.DISPOSED or ALLOWED[status], status


@pytest.mark.django_db(databases=["default", "keys"])
@pytest.mark.parametrize("change", [{"status": "asleep"}, {"status": "disposed"}])
def test_the_database_refuses_unknown_states_and_tombstones_with_content(
    chain: WorkflowVersion, change: dict[str, str]
) -> None:
    run = make_run(chain)

    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(**change)
