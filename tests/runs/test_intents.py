"""Intents written together: nodes that wait for their turn hold nothing that the one before them needs."""

import threading
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection

from runs import intents
from runs.errors import ClaimLost
from runs.intents import Draft
from runs.models import RunFacts
from tenancy.context import tenant_context
from tenancy.models import new_id
from tests.runs.making import in_threads, make_run
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_whoever_has_the_turn_gets_a_connection_however_many_wait_for_it(
    chain: WorkflowVersion,
) -> None:
    run, asked = make_run(chain), intents.of(new_id())
    everyone = settings.POOL_SIZE + 1
    begun, all_hold_one = threading.Event(), threading.Barrier(everyone)
    asked._known = RunFacts(root_run_id=run.pk)  # whoever knows them decides without a connection

    def nothing(sofar: RunFacts, in_the_way: UUID | None) -> Draft:
        raise ClaimLost

    def slow(sofar: RunFacts, in_the_way: UUID | None) -> Draft:
        begun.set()
        all_hold_one.wait(20)
        assert RunFacts.objects.filter(root_run_id=run.pk).exists()
        raise ClaimLost

    def act(number: int) -> None:
        with tenant_context(chain.tenant):
            if number == 0:
                asked.record(slow)
                return
            begun.wait(20)
            connection.ensure_connection()
            all_hold_one.wait(20)
            asked.record(nothing)

    connection.close()
    outcomes = in_threads(everyone, act)

    assert {type(outcome) for outcome in outcomes} == {ClaimLost}, outcomes
