"""First calls ride in the wave that starts their node, and whatever goes wrong with that, each call leaves once."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connections
from django.utils.timezone import now

from compliance.labels import Labels
from runs import cancel, checkpoint, egress, intents, kinds
from runs.first_calls import Boarding, FirstCalls
from runs.models import Decision, ModelCall, NodeExecution, Run, RunClaim, RunEvent, RunFacts
from runs.node_pool import Attempt, NodePool
from tenancy import actors
from tenancy.context import current_tenant, tenant_context
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    finish,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_egress import asked
from tests.runs.test_replay import same
from tests.workflows.providers.test_breakers import answer, pass_time
from workflows import budgets
from workflows.departures import WITHDRAWN
from workflows.models import BudgetCounter, Deployment, DeploymentStanding, Provider
from workflows.nodes.llm import first_call
from workflows.providers import breakers, gateway, register
from workflows.providers.errors import FailureKind, ModelUnavailable, ProviderError

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

IN_A_ROW = (
    definitions.HEAD
    + "".join(
        f"  - {{{{id: n{number}, kind: llm, title: N, after: [{'start' if number == 1 else f'n{number - 1}'}],"
        f' model_group: default, prompt: "call {number}", max_tokens: 20}}}}\n'
        for number in (1, 2, 3, 4)
    )
    + '  - {{id: result, kind: output, title: Result, after: [n4], value: {{said: "{{{{ n4.text }}}}"}}}}\n'
)
ALL_FOUR = [f"call {number}" for number in (1, 2, 3, 4)]


@pytest.fixture
def model(in_acme: Tenant) -> Iterator[ScriptedModel]:
    """A deployment that is known to answer as the model that it is: to learn that moves the register."""
    with ScriptedModel() as server:
        make_model_group(server.base_url)
        (target,) = gateway.route("default", Labels())
        answer(target, "scripted-1")
        yield server


@pytest.fixture
def asked_apart(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tree of each statement that wrote intents outside a wave."""
    told: list[str] = []
    intend = intents._intend

    def noted(root: Any, *asked: Any) -> Any:
        told.append(str(root))
        return intend(root, *asked)

    monkeypatch.setattr(intents, "_intend", noted)
    return told


def settled(run: Run) -> None:
    """Nothing is in flight, and every decision, call and event stands on record once."""
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.in_flight, facts.reserved_micros) == (0, 0)
    assert not ModelCall.objects.filter(run=run, status="intended").exists()
    made = Decision.objects.filter(run=run, verdict="allow").count()
    assert made == ModelCall.objects.filter(run=run).count() == facts.model_calls


def by_somebody_else(change: Callable[[], Any]) -> None:
    """On a connection of their own, in the current tenant."""

    def changing() -> None:
        with tenant_context(tenant):
            change()
        connections.close_all()

    tenant = current_tenant()
    thread = threading.Thread(target=changing)
    thread.start()
    thread.join()


def outcomes(run: Run) -> list[tuple[str, str, str]]:
    calls = ModelCall.objects.filter(run=run)
    return list(calls.values_list("node_id", "status", "error_kind"))


def test_the_first_call_of_each_node_rides(model: ScriptedModel, asked_apart: list[str]) -> None:
    run = execute(make_run(make_version(IN_A_ROW)))

    assert run.status == "completed"
    assert model.prompts == ALL_FOUR
    assert outcomes(run) == [(f"n{number}", "completed", "") for number in (1, 2, 3, 4)]
    assert asked_apart == []
    settled(run)
    told = RunEvent.objects.filter(run=run, name="decision.made").values_list("node_id", flat=True)
    assert list(told) == ["n1", "n2", "n3", "n4"]


def test_calls_of_nodes_side_by_side_ride_together(model: ScriptedModel) -> None:
    text = definitions.HEAD + (
        '  - {{id: one, kind: llm, title: One, after: [start], model_group: default, prompt: "one", max_tokens: 9}}\n'
        '  - {{id: a, kind: llm, title: A, after: [one], model_group: default, prompt: "a", max_tokens: 9}}\n'
        '  - {{id: b, kind: llm, title: B, after: [one], model_group: default, prompt: "b", max_tokens: 9}}\n'
        "  - {{id: both, kind: merge, title: Both, after: [a, b], mode: object}}\n"
        '  - {{id: result, kind: output, title: Result, after: [both], value: "{{{{ both }}}}"}}\n'
    )
    with running_executor(node_threads=4):
        run = finish(make_run(make_version(text)))

    assert run.status == "completed"
    assert sorted(model.prompts) == ["a", "b", "one"]
    settled(run)


def test_no_more_ride_than_threads_wait_for_them(
    model: ScriptedModel, asked_apart: list[str]
) -> None:
    """What waits for a thread is decided when it gets one: much may change until then."""
    text = definitions.HEAD + (
        '  - {{id: one, kind: llm, title: One, after: [start], model_group: default, prompt: "one", max_tokens: 9}}\n'
        + "".join(
            f"  - {{{{id: s{number}, kind: llm, title: S, after: [one], model_group: default, prompt: s,"
            " max_tokens: 9}}\n"
            for number in range(3)
        )
        + "  - {{id: joined, kind: merge, title: J, after: [s0, s1, s2], mode: object}}\n"
        '  - {{id: result, kind: output, title: Result, after: [joined], value: "{{{{ joined }}}}"}}\n'
    )
    with running_executor(node_threads=1):
        run = finish(make_run(make_version(text)))

    assert run.status == "completed"
    assert len(model.prompts) == 4
    assert len(asked_apart) >= 2  # of the three at most one found the thread free
    settled(run)


def test_what_changed_before_the_commit_is_decided_again(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register moves between the decision and the intent, each time."""
    board, moved = FirstCalls.board, []

    def late(first: FirstCalls) -> None:
        board(first)
        if any(step.wave.riding for step in first.steps):
            moved.append(first)
            by_somebody_else(
                lambda: register.set_price(
                    deployment=Deployment.objects.get(),
                    input_micros_per_million=0,
                    output_micros_per_million=0,
                    by=actors.SYSTEM,
                )
            )

    monkeypatch.setattr(FirstCalls, "board", late)
    run = execute(make_run(make_version(IN_A_ROW)))

    assert len(moved) == 4
    assert run.status == "completed"
    assert model.prompts == ALL_FOUR
    settled(run)


def test_an_answer_of_the_database_that_got_lost_loses_no_call(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, asked_apart: list[str]
) -> None:
    """The wave was committed, and the connection broke before anybody knew."""
    write, broken = checkpoint.write, []

    def breaks(waves: Any, meanwhile: Any) -> Any:
        written = write(waves, meanwhile)
        if any(wave.riding for wave in waves) and len(broken) < 2:
            broken.append(waves)
            raise OperationalError("the connection is lost")
        return written

    monkeypatch.setattr(checkpoint, "write", breaks)
    run = execute(make_run(make_version(IN_A_ROW)))

    assert len(broken) == 2
    assert run.status == "completed"
    assert model.prompts == ALL_FOUR
    assert asked_apart == []
    settled(run)


def test_a_budget_in_the_way_refuses_once(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        register.set_price(
            deployment=Deployment.objects.get(),
            input_micros_per_million=0,
            output_micros_per_million=1_000_000,
            by=actors.SYSTEM,
        )
        # 20 micro-units are reserved for each, and what is spent comes from the server's own count
        budget = budgets.create(
            name="one", amount=21, currency="EUR", period="total", by=actors.SYSTEM
        )
        run = execute(make_run(make_version(IN_A_ROW)))

    assert (run.status, run.error_code) == ("failed", budgets.CODE)
    assert BudgetCounter.objects.get(budget=budget).refused == 1
    denied = Decision.objects.filter(run=run, verdict="deny")
    assert denied.count() == 1
    settled(run)


def test_a_node_that_asks_something_else_withdraws_what_was_decided(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(
        kinds.KINDS["llm"],
        first_call=lambda config, inputs: replace(first_call(config, inputs), max_tokens=7),
    )
    monkeypatch.setitem(kinds.KINDS, "llm", changed)  # type: ignore[arg-type]
    run = execute(make_run(make_version(definitions.TALK)))

    assert run.status == "completed"
    assert len(model.prompts) == 2
    assert sorted(outcomes(run)) == [
        ("again", "completed", ""),
        ("again", "failed", WITHDRAWN),
        ("ask", "completed", ""),
        ("ask", "failed", WITHDRAWN),
    ]
    settled(run)


def test_nodes_that_are_handed_back_withdraw_their_calls(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that stops gives back what has not begun: nothing left, and the next worker decides for itself."""
    serve = NodePool.submit

    def not_begun(pool: NodePool, attempt: Attempt) -> None:
        if attempt.decided:
            pool._not_begun.append(attempt)
        else:
            serve(pool, attempt)

    run = make_run(make_version(definitions.TALK))
    with monkeypatch.context() as stopping, running_executor():
        stopping.setattr(NodePool, "submit", not_begun)
        wait_until(lambda: NodeExecution.objects.filter(run=run, node_id="ask").exists())
    assert outcomes(run) == [("ask", "failed", WITHDRAWN)]
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.in_flight, facts.reserved_micros) == (0, 0)

    run = execute(run)

    assert run.status == "completed"
    assert len(model.prompts) == 2
    assert [row.sent for row in egress.rows(asked())] == [False, True, True]
    same(run)
    settled(run)


def test_a_run_that_is_cancelled_before_its_call_leaves_sends_nothing(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(make_version(definitions.TALK))
    tell, places = Boarding.tell, []

    def cancelled(boarding: Boarding, **what: bool) -> None:
        if places:  # on record, and the node still waits to be told
            cancel.cancel(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
            places.pop().running.clear()  # as the tender does once it has seen that
        tell(boarding, **what)

    def start(calls: FirstCalls) -> None:
        places.extend(live for live, _, _ in calls._ready)
        begin(calls)

    begin = FirstCalls.begin
    monkeypatch.setattr(FirstCalls, "begin", start)
    monkeypatch.setattr(Boarding, "tell", cancelled)
    with running_executor():
        run = finish(run)
        wait_until(lambda: outcomes(run) == [("ask", "failed", WITHDRAWN)])

    assert run.status == "cancelled"
    assert model.prompts == []


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a node has made its call ready and waits for the record."""
    event, await_call = threading.Event(), Boarding.await_call

    def waits(boarding: Boarding) -> None:
        event.set()
        await_call(boarding)

    monkeypatch.setattr(Boarding, "await_call", waits)
    return event


def once_ready(
    monkeypatch: pytest.MonkeyPatch, ready: threading.Event, act: Callable[[FirstCalls], None]
) -> list[bool]:
    """Do this, once, when a first call has been made ready and nothing is on record yet. The list tells that it was."""
    begin, done = FirstCalls.begin, []

    def begins(calls: FirstCalls) -> None:
        begin(calls)
        if not done:
            done.append(ready.wait(PATIENCE_SECONDS))
            act(calls)

    monkeypatch.setattr(FirstCalls, "begin", begins)
    return done


def test_a_call_is_made_ready_while_its_wave_is_written_and_leaves_with_the_commit(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, ready: threading.Event
) -> None:
    begin, told = FirstCalls.begin, []

    def begins(calls: FirstCalls) -> None:
        begin(calls)
        told.append((ready.wait(PATIENCE_SECONDS), list(model.prompts)))

    monkeypatch.setattr(FirstCalls, "begin", begins)

    run = execute(make_run(make_version(definitions.TALK)))

    assert run.status == "completed"
    assert told[0] == (True, [])
    assert len(model.prompts) == 2
    settled(run)


def test_a_call_of_a_run_that_was_let_go_meanwhile_does_not_leave(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, ready: threading.Event
) -> None:
    """The database was away so long that this worker has entered anew: whoever takes the run up asks."""

    def let_go(calls: FirstCalls) -> None:
        executor._let_go([step.live for step in calls.steps])

    done = once_ready(monkeypatch, ready, let_go)
    run = make_run(make_version(definitions.TALK))
    with running_executor() as executor:
        run = finish(run)
        wait_until(lambda: outcomes(run)[0] == ("ask", "failed", WITHDRAWN))

    assert (run.status, done) == ("completed", [True])
    assert [status for _, status, _ in outcomes(run)[1:]] == ["completed", "completed"]
    assert len(model.prompts) == 2
    same(run)


def test_a_call_of_a_run_that_was_lost_before_its_commit_was_known_does_not_leave(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wave arrived, and the database went away before it said so; when it is back, this worker has been buried."""
    write, broken = checkpoint.write, []

    def breaks(waves: Any, meanwhile: Any) -> Any:
        written = write(waves, meanwhile)
        if not broken and any(wave.riding for wave in waves):
            later = now() + timedelta(hours=1)
            broken.append(RunClaim.objects.update(worker_id=None, not_before=later))
            raise OperationalError("The connection is lost.")
        return written

    monkeypatch.setattr(checkpoint, "write", breaks)
    run = make_run(make_version(definitions.TALK))
    with running_executor():
        wait_until(lambda: outcomes(run) == [("ask", "failed", WITHDRAWN)])
        assert model.prompts == []
        RunClaim.objects.update(not_before=None)
        run = finish(run)

    assert (run.status, len(broken)) == ("completed", 1)
    assert [status for _, status, _ in outcomes(run)[1:]] == ["completed", "completed"]
    assert len(model.prompts) == 2
    same(run)


def test_a_node_whose_start_is_not_on_record_does_nothing(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, ready: threading.Event
) -> None:
    def refuse(_calls: FirstCalls) -> None:
        raise DatabaseError("This wave is refused.")

    refused = once_ready(monkeypatch, ready, refuse)

    run = execute(make_run(make_version(definitions.TALK)))

    assert (run.status, refused) == ("completed", [True])
    assert [status for _, status, _ in outcomes(run)] == ["completed", "completed"]
    assert len(model.prompts) == 2
    same(run)
    settled(run)


def test_a_trial_is_taken_by_whoever_calls(model: ScriptedModel) -> None:
    """It belongs to a thread: the one that decides ahead is not the one that calls."""
    (target,) = gateway.route("default", Labels())
    for _ in range(3):
        breakers.note_failure(target, ProviderError(FailureKind.SERVER, "down"))
    pass_time(minutes=1)

    with pytest.raises(ModelUnavailable):
        gateway.plan("default", Labels(), may_try=False)

    assert DeploymentStanding.objects.get().probe_until is None
    assert gateway.plan("default", Labels()).targets[0].name == target.name
    assert DeploymentStanding.objects.get().probe_until is not None


def test_a_masked_call_rides_with_both_of_its_decisions(
    in_acme: Tenant, asked_apart: list[str]
) -> None:
    """That it was to be changed, and that it may leave as it was changed, are one draft: on record both, or neither."""
    letter = definitions.HEAD + (
        '  - {{id: one, kind: llm, title: One, after: [start], model_group: default, prompt: "one", max_tokens: 9}}\n'
        "  - {{id: two, kind: llm, title: Two, after: [one, start], model_group: default,"
        ' prompt: "Read {{{{ start.text }}}}", max_tokens: 9}}\n'
        '  - {{id: result, kind: output, title: Result, after: [two], value: "{{{{ two.text }}}}"}}\n'
    )
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        (target,) = gateway.route("default", Labels())
        answer(target, "scripted-1")
        Provider.objects.update(egress="external", dpa=True)
        run = execute(make_run(make_version(letter), n=1, text="Write to jane.roe@example.org."))

    assert run.status == "completed"
    assert "jane.roe" not in model.seen
    of_two = Decision.objects.filter(run=run, node_id="two").order_by("id")
    assert list(of_two.values_list("verdict", flat=True)) == ["modify", "allow"]
    assert asked_apart == []
    told = RunEvent.objects.filter(run=run, name="decision.made", node_id="two").order_by("seq")
    assert [body["decision"] for body in told.values_list("body", flat=True)] == [
        str(decision.pk) for decision in of_two
    ]
    same(run)
    settled(run)
