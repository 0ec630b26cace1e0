"""Intents written together: nodes that wait for their turn hold nothing that the one before them needs."""

import threading
from uuid import UUID

import pytest
from django.db import connections

from runs import intents
from runs.errors import ClaimLost
from runs.intents import Draft
from runs.models import RunFacts
from tenancy.context import tenant_context
from tenancy.models import new_id
from tests.runs.making import PATIENCE_SECONDS, in_threads, make_run, wait_until
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_whoever_waits_for_the_turn_holds_no_connection(chain: WorkflowVersion) -> None:
    """Or those that wait could hold all there are, and who has the turn would get none."""
    run, asked = make_run(chain), intents.of(new_id())
    asked._known = RunFacts(root_run_id=run.pk)  # whoever knows them decides without a connection
    has_turn, waiting = threading.Event(), []

    def nothing(sofar: RunFacts, in_the_way: UUID | None) -> Draft:
        raise ClaimLost

    def slow(sofar: RunFacts, in_the_way: UUID | None) -> Draft:
        has_turn.set()
        wait_until(lambda: len(waiting) == 3 and all(each.connection is None for each in waiting))
        raise ClaimLost

    def act(number: int) -> None:
        with tenant_context(chain.tenant):
            if number == 0:
                asked.record(slow)
                return
            assert has_turn.wait(PATIENCE_SECONDS)
            connections["default"].ensure_connection()
            waiting.append(connections["default"])
            asked.record(nothing)

    outcomes = in_threads(4, act)

    assert {type(outcome) for outcome in outcomes} == {ClaimLost}, outcomes
