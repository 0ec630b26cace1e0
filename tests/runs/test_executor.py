"""The executor, with real threads and real commits."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, OperationalError
from django.utils.timezone import now

from runs import cancel, checkpoint, claims, intents, payloads, resume
from runs.errors import RunNotCancellable, RunNotResumable
from runs.models import Decision, ModelCall, NodeExecution, Run, RunClaim, RunEvent, RunFacts
from tenancy import actors, keys
from tenancy.context import current_tenant, tenant_context
from tenancy.errors import RootKeyUnknown
from tenancy.models import LedgerEntry, Tenant
from tests.runs import definitions
from tests.runs.making import (
    execute,
    finish,
    in_threads,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    statuses,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_a_chain_runs_to_its_output(in_acme: Tenant) -> None:
    run = make_run(make_version(definitions.CHAIN), n=7)

    done = execute(run)

    assert done.status == "completed"
    assert payloads.open_payload(done, "output_sealed") == {"n": 7}
    assert statuses(run) == dict.fromkeys(("start", "one", "two", "result"), "completed")
    assert done.nodes_done == done.nodes_total == 4


def test_events_are_numbered_without_a_gap_and_end_with_end(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))

    events = list(RunEvent.objects.filter(run=run))

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [events[0].name, events[-2].name, events[-1].name] == [
        "run.started",
        "run.completed",
        "end",
    ]


@pytest.mark.parametrize(
    ("number", "live", "dead"),
    [(11, "when_big", "when_small"), (3, "when_small", "when_big")],
)
def test_the_branch_not_taken_is_on_record_with_its_reason(
    in_acme: Tenant, number: int, live: str, dead: str
) -> None:
    run = execute(make_run(make_version(definitions.BRANCHES), n=number))

    assert statuses(run)[live] == "completed"
    skipped = NodeExecution.objects.get(run=run, node_id=dead)
    assert skipped.status == "skipped"
    assert skipped.skipped_because == {
        "node": "route",
        "needed": dead.removeprefix("when_"),
        "taken": live.removeprefix("when_"),
    }
    assert payloads.open_payload(run, "output_sealed") == {"size": live.removeprefix("when_")}


def test_a_model_call_is_decided_recorded_and_settled(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK), n=3))

    assert run.status == "completed"
    assert model.prompts == ["ask 3", "again echo: ask 3"]
    calls = list(ModelCall.objects.filter(run=run))
    assert [call.status for call in calls] == ["completed", "completed"]
    assert [call.tokens_out for call in calls] == [5, 5]
    assert (run.tokens_in, run.tokens_out, run.cost_micros) == (20, 10, 0)
    decisions = list(Decision.objects.filter(run=run))
    assert [decision.verdict for decision in decisions] == ["allow", "allow"]
    assert all(decision.policies for decision in decisions)
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.model_calls, facts.in_flight, facts.reserved_micros) == (2, 0, 0)


def test_independent_nodes_overlap_in_time(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.3) as model:
        make_model_group(model.base_url)
        execute(make_run(make_version(definitions.SIDE_BY_SIDE)))

    (first_began, first_ended), (second_began, second_ended) = model.intervals
    assert max(first_began, second_began) < min(first_ended, second_ended)


def test_resume_keeps_what_is_finished_and_tries_the_rest_again(in_acme: Tenant) -> None:
    broken = [True]

    def script(prompt: str) -> str | tuple[int, str]:
        return (400, "{}") if prompt.startswith("again") and broken[0] else "fine"

    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))
        assert run.status == "failed"
        assert run.error_node == "again"
        broken[0] = False

        resume.resume(run=run, by=actors.SYSTEM)
        done = execute(run)

    assert done.status == "completed"
    assert [prompt.split()[0] for prompt in model.prompts] == ["ask", "again", "again"]
    attempts = NodeExecution.objects.filter(run=run, node_id="again").order_by("attempt")
    assert list(attempts.values_list("attempt", "status")) == [(1, "failed"), (2, "completed")]


def test_of_fifty_resumes_at_once_one_wins(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))

    def act(number: int) -> str:
        with tenant_context(in_acme):
            resume.resume(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
            return "won"

    results = in_threads(50, act)

    assert results.count("won") == 1
    assert sum(isinstance(result, RunNotResumable) for result in results) == 49


def test_a_completed_run_cannot_be_resumed(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))

    with pytest.raises(RunNotResumable, match="completed"):
        resume.resume(run=run, by=actors.SYSTEM)


def test_cancel_ends_a_run_and_no_later_call_leaves(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.5) as model:
        make_model_group(model.base_url)
        run = make_run(make_version(definitions.TALK))
        with running_executor() as executor:
            wait_until(lambda: len(model.prompts) == 1)

            cancel.cancel(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
            wait_until(lambda: executor.is_idle)

    ended = Run.objects.get(pk=run.pk)
    assert ended.status == "cancelled"
    assert model.prompts == ["ask 1"]
    assert statuses(run) == {"start": "completed", "ask": "cancelled"}
    wait_until(lambda: ModelCall.objects.get(run=run).status == "late")
    with pytest.raises(RunNotCancellable):
        cancel.cancel(run=ended, by=actors.SYSTEM)


def test_what_an_older_token_brings_is_not_written(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.3) as model:
        make_model_group(model.base_url)
        run = make_run(make_version(definitions.TALK))
        with running_executor() as first:
            wait_until(lambda: len(model.prompts) == 1)
            RunClaim.objects.filter(run_id=run.pk).update(token=50, worker_id=None, wanted=False)
            wait_until(lambda: first.is_idle)
            before = NodeExecution.objects.filter(run=run).count()
            wait_until(lambda: len(model.intervals) == 1)

    assert NodeExecution.objects.filter(run=run).count() == before
    assert NodeExecution.objects.get(run=run, node_id="ask").status == "running"


def test_two_executors_share_runs_and_run_each_once(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.2) as model:  # long enough for neither to take all of them
        make_model_group(model.base_url)
        version = make_version(definitions.TALK)
        runs = [make_run(version, n=number) for number in range(16)]

        with running_executor(run_slots=4), running_executor(run_slots=4):
            for run in runs:
                assert finish(run).status == "completed"

    rows = NodeExecution.objects.filter(run__in=runs)
    assert rows.count() == 16 * 4
    assert len(model.prompts) == 16 * 2
    assert len(set(rows.values_list("worker", flat=True))) == 2


def test_start_and_end_are_in_the_ledger(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))

    entries = LedgerEntry.objects.filter(subject_id=str(run.pk)).order_by("id")

    assert list(entries.values_list("event", flat=True)) == ["run.started", "run.completed"]


def test_an_executor_that_stops_writes_what_its_nodes_were_doing(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.5) as model:
        make_model_group(model.base_url)
        run = make_run(make_version(definitions.TALK))
        with running_executor():
            wait_until(lambda: len(model.prompts) == 1)

        assert statuses(run)["ask"] == "completed"
        execute(run)

    assert Run.objects.get(pk=run.pk).status == "completed"
    assert [prompt.split()[0] for prompt in model.prompts] == ["ask", "again"]


def test_a_run_whose_key_was_destroyed_fails_instead_of_being_tried_for_ever(
    in_acme: Tenant,
) -> None:
    run = make_run(make_version(definitions.CHAIN))
    keys.destroy_data_keys([run.data_key_id], by=actors.SYSTEM)

    done = execute(run)

    assert (done.status, done.error_code) == ("failed", "run_unreadable")
    assert not RunClaim.objects.get(run_id=run.pk).wanted
    assert list(RunEvent.objects.filter(run=run).values_list("name", flat=True)) == [
        "run.failed",
        "end",
    ]


def test_a_fault_while_a_run_is_taken_up_is_tried_again(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(make_version(definitions.CHAIN))
    really, tries = keys.open_data_keys, []

    def broken_at_first(key_ids: list[UUID]) -> dict[UUID, keys.DataKeyRef]:
        tries.append(len(key_ids))
        if len(tries) < 12:  # longer than a run may lose workers
            raise OperationalError
        return really(key_ids)

    monkeypatch.setattr(keys, "open_data_keys", broken_at_first)
    monkeypatch.setattr(claims, "PAUSE", timedelta(0))

    assert execute(run).status == "completed"
    assert len(tries) >= 12
    assert RunClaim.objects.get(run_id=run.pk).losses == 0


def test_runs_that_cannot_be_taken_up_do_not_stand_in_the_way_of_others(
    in_acme: Tenant, beta: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(definitions.CHAIN)
    stuck = [make_run(version) for _ in range(25)]  # more than are claimed at once
    with tenant_context(beta):
        run = make_run(make_version(definitions.CHAIN))
    really = keys.open_data_keys

    def broken_in_acme(key_ids: list[UUID]) -> dict[UUID, keys.DataKeyRef]:
        if current_tenant() == in_acme:
            raise RootKeyUnknown
        return really(key_ids)

    monkeypatch.setattr(keys, "open_data_keys", broken_in_acme)
    with tenant_context(beta):
        assert execute(run).status == "completed"

    RunClaim.objects.filter(run_id__in=[run.pk for run in stuck]).update(wanted=False)
    claims_of = RunClaim.objects.filter(run_id__in=[run.pk for run in stuck])
    assert set(claims_of.values_list("losses", flat=True)) == {0}


def test_a_run_that_the_database_refuses_does_not_take_others_along(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(definitions.CHAIN)
    refused, fine = make_run(version), make_run(version)
    write = checkpoint.write

    def refusing(waves: Any, meanwhile: Any) -> Any:
        if any(wave.run["id"] == refused.pk for wave in waves):
            raise DataError("refused")
        return write(waves, meanwhile)

    monkeypatch.setattr(checkpoint, "write", refusing)
    with running_executor():
        assert finish(fine).status == "completed"
        monkeypatch.undo()
        assert finish(refused).status == "completed"


def test_a_node_that_takes_its_worker_along_is_given_up(in_acme: Tenant) -> None:
    """Counted on its own record: whoever is lost beside it, for somebody else's reason, is simply tried again."""
    run = make_run(make_version(definitions.CHAIN))
    Run.objects.filter(pk=run.pk).update(status="running", started_at=now(), event_seq=9)
    for attempt in range(1, 10):
        NodeExecution.objects.create(
            run=run,
            node_id="start",
            kind="input",
            attempt=attempt,
            status="failed" if attempt < 9 else "running",
            error_code="worker_lost" if attempt < 9 else "",
            started_at=now(),
        )
    RunClaim.objects.filter(run_id=run.pk).update(losses=1)

    done = execute(run)

    assert (done.status, done.error_code, done.error_node) == ("failed", "worker_lost", "start")
    assert done.error_sentence == "9 workers were lost one after the other on this node."


def test_a_node_does_not_fail_because_the_database_was_away(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a model is called is learnt from its first answer: so the second call is decided on by itself."""
    intend, broken = intents._intend, []

    def breaking(root: Any, *asked: Any) -> Any:
        if not broken:
            broken.append(root)
            raise OperationalError("the connection is lost")
        return intend(root, *asked)

    monkeypatch.setattr(intents, "_intend", breaking)
    with ScriptedModel(lambda prompt: "fine") as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))

    assert broken
    assert run.status == "completed"
    rows = NodeExecution.objects.filter(run=run, kind="llm").order_by("started_at")
    assert [(row.node_id, row.status, row.error_code) for row in rows] == [
        ("ask", "completed", ""),
        ("again", "failed", "worker_lost"),
        ("again", "completed", ""),
    ]
