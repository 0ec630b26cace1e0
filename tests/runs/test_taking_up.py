"""What is read of a run when it is taken up."""

from uuid import UUID

import pytest

from runs import claims, taking_up
from runs.live_run import LiveRun
from runs.models import Run, RunFacts, Worker
from tenancy.context import tenant_context
from tests.runs.making import make_run
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def take_up(worker: Worker, *runs: Run) -> dict[UUID, LiveRun]:
    won = claims.claim_waiting(worker=worker, limit=10)
    assert {claim.run_id for claim in won} == {run.pk for run in runs}
    return {live.run_id: live for live in taking_up.take_up(won, worker=str(worker.pk))}


def test_runs_come_with_their_facts_in_one_statement(
    worker: Worker, chain: WorkflowVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make_run(chain, n=number) for number in (1, 2)]
    asked = []
    find_all = taking_up.FACTS.find_all

    def noted(roots: list[UUID]) -> list[RunFacts]:
        asked.append(set(roots))
        return find_all(roots=roots)

    monkeypatch.setattr(taking_up.FACTS, "find_all", noted)
    monkeypatch.setattr(taking_up.RUNS, "find_all", lambda ids: pytest.fail(f"asked for {ids}"))

    taken = take_up(worker, *runs)

    assert asked == [{run.pk for run in runs}]
    assert [taken[run.pk].run_input for run in runs] == [{"n": 1}, {"n": 2}]


def test_a_run_without_facts_of_its_own_is_found_by_itself(
    worker: Worker, chain: WorkflowVersion
) -> None:
    """As a child run, whose facts are its root's."""
    run, other = make_run(chain), make_run(chain)
    with tenant_context(chain.tenant):
        RunFacts.objects.filter(root_run=run).delete()

    taken = take_up(worker, run, other)

    assert set(taken) == {run.pk, other.pk}


def test_facts_that_are_kept_hold_no_run(worker: Worker, chain: WorkflowVersion) -> None:
    """They are kept as long as the tree is at work, and its input may be large."""
    run = make_run(chain)
    with tenant_context(chain.tenant):
        _, facts = taking_up._find([run.pk])

    assert facts[run.pk]._state.fields_cache == {}
