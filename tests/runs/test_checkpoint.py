"""A wave is written whole, once, and only by whoever holds the claim."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.utils.timezone import now

from runs import checkpoint, claims, live_run, taking_up, turn, writing
from runs.live_run import LiveRun
from runs.models import NodeExecution, Run, RunClaim, RunEvent, Worker
from runs.outcomes import Outcome
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tests.runs import definitions
from tests.runs.making import execute, in_threads, make_run, make_version, statuses
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def _a_wave_for_each_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for what is pure and would ride with the wave before it."""
    monkeypatch.setattr(turn, "HERE_AT_MOST_SECONDS", -1)


def never(start: live_run.Start, live: LiveRun) -> Outcome:
    raise AssertionError(f"{start.path} was run on the spot")


@pytest.fixture
def live(worker: Worker, chain: WorkflowVersion) -> LiveRun:
    return take_up(worker, make_run(chain))


def take_up(worker: Worker, *runs: Run) -> LiveRun:
    """A claimed run, of which nothing is written yet."""
    won = claims.claim_waiting(worker=worker, limit=10)
    assert {claim.run_id for claim in won} == {run.pk for run in runs}
    with tenant_context(runs[0].tenant):
        taken = taking_up.take_up(won, worker=str(worker.pk))
    return taken[0]


def events_of(live: LiveRun) -> list[tuple[int, str]]:
    return list(RunEvent.objects.filter(run_id=live.run_id).values_list("seq", "name"))


def run_of(live: LiveRun) -> Run:
    return Run.objects.get(pk=live.run_id)


def test_the_first_wave_starts_the_run_and_its_first_node(live: LiveRun) -> None:
    wave, starting = live.first_wave(now(), never)

    assert checkpoint.write([wave]) == {live.run_id}

    assert [each.path for each in starting] == ["start"]
    run = run_of(live)
    assert (run.status, run.event_seq) == ("running", 2)
    assert run.started_at is not None
    assert statuses(run) == {"start": "running"}
    assert events_of(live) == [(1, "run.started"), (2, "node.started")]


def test_waves_of_several_runs_are_one_statement(worker: Worker, chain: WorkflowVersion) -> None:
    made = [make_run(chain) for _ in range(3)]
    won = claims.claim_waiting(worker=worker, limit=10)
    taken = taking_up.take_up(won, worker=str(worker.pk))
    waves = [live.first_wave(now(), never)[0] for live in taken]

    with tenant_context(chain.tenant):
        alive = checkpoint.write(waves)

    assert alive == {run.pk for run in made}
    assert all(statuses(run) == {"start": "running"} for run in made)


# -- a token that is not the claim's any more -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"token": 50},  # somebody else has taken it up
        {"worker_id": None, "wanted": False},  # it was cancelled
    ],
)
def test_without_the_claim_nothing_is_written(live: LiveRun, change: dict[str, Any]) -> None:
    wave, _ = live.first_wave(now(), never)
    RunClaim.objects.filter(run_id=live.run_id).update(**change)
    before = RunClaim.objects.filter(run_id=live.run_id).values().get()

    assert checkpoint.write([wave]) == set()

    assert (run_of(live).status, run_of(live).event_seq) == ("queued", 0)
    assert not NodeExecution.objects.filter(run_id=live.run_id).exists()
    assert events_of(live) == []
    assert RunClaim.objects.filter(run_id=live.run_id).values().get() == before


def test_one_lost_claim_does_not_hold_up_the_runs_beside_it(
    worker: Worker, chain: WorkflowVersion
) -> None:
    lost, kept = make_run(chain), make_run(chain)
    won = claims.claim_waiting(worker=worker, limit=10)
    taken = taking_up.take_up(won, worker=str(worker.pk))
    waves = [live.first_wave(now(), never)[0] for live in taken]
    RunClaim.objects.filter(run_id=lost.pk).update(token=50)

    with tenant_context(chain.tenant):
        assert checkpoint.write(waves) == {kept.pk}

    assert (statuses(lost), statuses(kept)) == ({}, {"start": "running"})


def test_another_tenants_wave_writes_no_rows(live: LiveRun, beta: Tenant) -> None:
    """Row-level security holds inside the function, too."""
    wave, _ = live.first_wave(now(), never)

    with tenant_context(beta), pytest.raises(Exception, match="violates"):
        checkpoint.write([wave])

    assert (run_of(live).status, events_of(live)) == ("queued", [])


# -- an attempt that ended without an answer --------------------------------------------------------------------------


def test_a_wave_that_arrived_is_found_and_one_that_did_not_is_not(live: LiveRun) -> None:
    wave, _ = live.first_wave(now(), never)
    assert checkpoint.find_written([wave]) == set()

    checkpoint.write([wave])

    assert checkpoint.find_written([wave]) == {live.run_id}


def test_of_a_wave_that_arrived_only_the_runs_with_a_claim_are_found(
    worker: Worker, chain: WorkflowVersion
) -> None:
    lost, kept = make_run(chain), make_run(chain)
    won = claims.claim_waiting(worker=worker, limit=10)
    waves = [
        one.first_wave(now(), never)[0] for one in taking_up.take_up(won, worker=str(worker.pk))
    ]
    RunClaim.objects.filter(run_id=lost.pk).update(token=50)
    with tenant_context(chain.tenant):
        checkpoint.write(waves)

        assert checkpoint.find_written(waves) == {kept.pk}


@pytest.mark.parametrize("since", [{"worker_id": None}, {"token": 50}], ids=["freed", "taken up"])
def test_a_wave_that_arrived_gives_no_right_to_a_run_that_was_lost_since(
    live: LiveRun, since: dict[str, Any]
) -> None:
    wave, _ = live.first_wave(now(), never)
    checkpoint.write([wave])

    RunClaim.objects.filter(run_id=live.run_id).update(**since)

    assert checkpoint.find_written([wave]) == set()
    assert checkpoint.write([wave]) == set()


def test_the_same_wave_cannot_be_written_twice_even_by_two_at_once(live: LiveRun) -> None:
    wave, _ = live.first_wave(now(), never)

    def act(number: int) -> object:
        with tenant_context(live.tenant):
            return checkpoint.write([wave])

    answers = in_threads(4, act)

    assert answers.count({live.run_id}) == 1
    assert events_of(live) == [(1, "run.started"), (2, "node.started")]
    assert run_of(live).event_seq == 2


@pytest.mark.parametrize("arrives", [True, False])
def test_a_run_whose_every_wave_is_not_answered_is_on_record_once(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    monkeypatch.setattr(writing, "_write_once", _breaking_once_per_wave(arrives=arrives))

    run = execute(make_run(make_version(definitions.CHAIN)))

    assert run.status == "completed"
    assert statuses(run) == dict.fromkeys(("start", "one", "two", "result"), "completed")
    seqs = list(RunEvent.objects.filter(run=run).values_list("seq", flat=True))
    assert seqs == list(range(1, run.event_seq + 1))
    assert run.event_seq == 1 + 4 * 2 + 2
    entries = LedgerEntry.objects.filter(subject_id=str(run.pk)).order_by("id")
    assert list(entries.values_list("event", flat=True)) == ["run.started", "run.completed"]


def _breaking_once_per_wave(*, arrives: bool) -> Callable[..., Any]:
    """The connection breaks, before the statement reaches the server or after it was done."""
    write, broken = writing._write_once, set()

    def breaking(steps: list[writing.Step], meanwhile: Any) -> Any:
        first_event = steps[0].wave.events[0]["id"]
        if first_event in broken:
            return write(steps, meanwhile)
        broken.add(first_event)
        if arrives:
            write(steps, meanwhile)
        raise OperationalError("The connection broke.")

    return breaking
