"""Nodes that wait without holding a worker: delay, callback, approval."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import OperationalError

from runs import claims, payloads, resume, waits, writing
from runs.errors import AnswerInvalid, AnswerRefused, CallbackUnknown
from runs.models import NodeExecution, Run, RunClaim, RunEvent, ToolCall, Wait, Worker
from runs.writing import Step
from tenancy import actors
from tenancy.actors import Actor
from tenancy.models import LedgerEntry, Tenant
from tests.runs.making import (
    execute,
    finish,
    in_threads,
    make_run,
    running_executor,
    statuses,
    wait_until,
)
from tests.runs.scripted_host import ScriptedHost
from tests.runs.specs import approval, callback, delay, merge, publish, result, transform
from tests.runs.test_tool_calls import make_destination
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ROB = Actor(kind="user", id="rob", name="Rob")
PAID = {
    "type": "object",
    "properties": {"paid": {"type": "boolean"}},
    "required": ["paid"],
    "additionalProperties": False,
}


def output_of(run: Run) -> Any:
    return payloads.open_payload(Run.objects.get(pk=run.pk), "output_sealed")


def status_of(run: Run) -> str:
    return Run.objects.get(pk=run.pk).status


def events_of(run: Run, node_id: str) -> list[str]:
    return list(RunEvent.objects.filter(run=run, node_id=node_id).values_list("name", flat=True))


def park(run: Run) -> None:
    """Run until everything that is left waits, and the run is given back."""
    with running_executor() as executor:
        wait_until(lambda: status_of(run) == "waiting" and executor.is_idle)
    assert RunClaim.objects.get(run_id=run.pk).worker_id is None


# -- delay ------------------------------------------------------------------------------------------------------------


def test_a_delay_passes(in_acme: Tenant) -> None:
    run = execute(
        make_run(publish(delay("rest", 0.3, "start"), result("{{ rest.until }}", "rest")))
    )

    assert run.status == "completed"
    row = NodeExecution.objects.get(run=run, node_id="rest")
    assert row.finished_at
    assert row.started_at
    assert row.finished_at - row.started_at >= timedelta(seconds=0.3)
    assert (row.attempt, row.waits_for, row.due_at) == (1, None, None)
    assert events_of(run, "rest") == [
        "node.started",
        "node.waiting",
        "node.resumed",
        "node.completed",
    ]


def test_a_longer_delay_holds_no_worker(in_acme: Tenant) -> None:
    run = make_run(publish(delay("rest", 1.5, "start"), result("{{ rest.until }}", "rest")))
    park(run)

    claim = RunClaim.objects.get(run_id=run.pk)
    row = NodeExecution.objects.get(run=run, node_id="rest")
    assert (row.status, row.waits_for and row.waits_for["kind"]) == ("waiting", "delay")
    assert (claim.wanted, claim.not_before) == (True, row.due_at)
    assert execute(run).status == "completed"
    assert RunEvent.objects.filter(run=run, name="run.started").count() == 1
    assert Run.objects.get(pk=run.pk).takeovers == 0


def test_a_moment_that_has_passed_is_not_waited_for(in_acme: Tenant) -> None:
    version = publish(
        {"id": "rest", "kind": "delay", "after": ["start"], "until": "{{ start.text }}"},
        result("{{ rest.until }}", "rest"),
    )
    run = execute(make_run(version, text="2026-01-01T00:00:00Z"))

    assert output_of(run) == "2026-01-01T00:00:00+00:00"
    assert "node.waiting" not in events_of(run, "rest")


def test_a_moment_that_cannot_be_read_fails_the_node(in_acme: Tenant) -> None:
    version = publish(
        {"id": "rest", "kind": "delay", "after": ["start"], "until": "{{ start.text }}"},
        result("{{ rest.until }}", "rest"),
    )
    run = execute(make_run(version, text="soon"))

    assert (run.status, run.error_code) == ("failed", "moment_unreadable")


# -- callback ---------------------------------------------------------------------------------------------------------


def calling_back(**more: Any) -> WorkflowVersion:
    return publish(callback("bank", "start", **more), result("{{ bank }}", "bank"))


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that are given out: they leave with the announcement only, and are kept as digests."""
    given: list[str] = []
    really = waits.address_of

    def overheard(token: str) -> str:
        given.append(token)
        return really(token)

    monkeypatch.setattr(waits, "address_of", overheard)
    return given


def test_a_callback_is_answered(in_acme: Tenant, tokens: list[str]) -> None:
    run = make_run(calling_back(schema=PAID))
    park(run)
    assert RunClaim.objects.get(run_id=run.pk).not_before is not None

    waits.answer_callback(tokens[0], b'{"paid": true}')
    done = execute(run)

    assert (done.status, output_of(run)) == ("completed", {"paid": True})
    wait = Wait.objects.get(run=run)
    assert (wait.node_id, wait.kind, wait.attempt) == ("bank", "callback", 1)
    assert (wait.answered_by_kind, wait.answered_by_id) == ("service", "callback")
    assert wait.token_digest == waits.digest_of(tokens[0])
    assert b"paid" not in bytes(wait.answer_sealed or b"")
    entry = LedgerEntry.objects.get(subject_id=str(wait.pk))
    assert (entry.event, entry.facts["run"]) == ("wait.answered", str(run.pk))


def test_a_worker_that_holds_the_run_hears_the_answer(in_acme: Tenant, tokens: list[str]) -> None:
    version = publish(
        callback("bank", "start"),
        delay("rest", 0.8, "start"),  # short enough for the run to be held meanwhile
        merge("both", "bank", "rest"),
        result("{{ both.bank }}", "both"),
    )
    run = make_run(version)
    with running_executor():
        wait_until(lambda: bool(tokens) and status_of(run) == "waiting")
        waits.answer_callback(tokens[0], b'"soon"')
        wait_until(lambda: statuses(run)["bank"] == "completed", 0.7)
        assert finish(run).status == "completed"


def test_a_callback_is_good_for_one_answer(in_acme: Tenant, tokens: list[str]) -> None:
    run = make_run(calling_back())
    park(run)

    results = in_threads(8, lambda number: _answer(in_acme, tokens[0], number))

    refused = [each for each in results if isinstance(each, AnswerRefused)]
    assert len(refused) == 7
    assert all("answered already" in each.sentence for each in refused)
    won = next(each for each in results if not isinstance(each, Exception))
    execute(run)
    assert output_of(run) == won


def _answer(tenant: Tenant, token: str, number: int) -> int:
    from tenancy.context import tenant_context

    with tenant_context(tenant):
        waits.answer_callback(token, orjson.dumps(number))
        return number


def test_a_forged_or_foreign_callback_is_unknown(
    in_acme: Tenant, beta: Tenant, tokens: list[str]
) -> None:
    from tenancy.context import tenant_context

    park(make_run(calling_back()))

    forged = [tokens[0][:-1] + ("A" if tokens[0][-1] != "A" else "B"), "x", "", "a:b"]
    forged.append(waits.SIGNER.sign("0" * 32 + ".made-up"))  # even one that is signed
    for token in forged:
        with pytest.raises(CallbackUnknown):
            waits.answer_callback(token, b"1")
    with tenant_context(beta), pytest.raises(CallbackUnknown):
        waits.answer_callback(tokens[0], b"1")
    assert Wait.objects.get(token_digest=waits.digest_of(tokens[0])).is_open


@pytest.mark.parametrize("body", [b'{"paid": "yes"}', b"{", b"", b"[" * 5000])
def test_an_answer_that_does_not_fit_is_refused_and_another_may_follow(
    in_acme: Tenant, tokens: list[str], body: bytes
) -> None:
    run = make_run(calling_back(schema=PAID))
    park(run)

    with pytest.raises(AnswerInvalid):
        waits.answer_callback(tokens[0], body)
    waits.answer_callback(tokens[0], b'{"paid": false}')

    execute(run)
    assert output_of(run) == {"paid": False}


def test_a_callback_that_nobody_answers_expires(in_acme: Tenant, tokens: list[str]) -> None:
    run = execute(make_run(calling_back(expires_in_seconds=1)))

    assert (run.status, run.error_code, run.error_node) == ("failed", "callback_expired", "bank")
    wait = Wait.objects.get(run=run)
    assert (wait.answered_at, wait.withdrawn_at is not None) == (None, True)
    with pytest.raises(AnswerRefused):
        waits.answer_callback(tokens[0], b"1")


def test_what_comes_after_the_end_of_the_run_is_refused(in_acme: Tenant, tokens: list[str]) -> None:
    from runs import cancel

    run = make_run(calling_back())
    park(run)
    cancel.cancel(run=run, by=actors.SYSTEM)

    with pytest.raises(AnswerRefused, match="ended"):
        waits.answer_callback(tokens[0], b"1")
    assert Wait.objects.get(run=run).withdrawn_at


def test_an_attempt_that_failed_after_it_asked_withdraws_its_question(
    in_acme: Tenant, tokens: list[str]
) -> None:
    """The announcement goes nowhere: nobody was told, so nobody can answer."""
    nowhere = {"url": "http://nowhere.example/{{ start.n }}"}
    request = {"tool": "http_request", "arguments": nowhere}
    run = execute(make_run(calling_back(request=request)))

    assert (run.status, run.error_node) == ("failed", "bank")
    assert Wait.objects.get(run=run).withdrawn_at
    with pytest.raises(AnswerRefused):
        waits.answer_callback(tokens[0], b"1")


def test_whoever_is_told_of_the_address_can_answer_there(in_acme: Tenant) -> None:
    trusted = {"id": "start", "kind": "input", "schema": {}, "labels": {"integrity": "endorsed"}}
    with ScriptedHost() as host:
        make_destination(host)
        told = {"method": "POST", "url": f"{host.url}/pay", "json": {"to": "{{ callback_url }}"}}
        request = {"tool": "http_request", "arguments": told}
        asked = callback("bank", "start", request=request)
        version = publish(nodes=[trusted, asked, result("{{ bank }}", "bank")])
        run = make_run(version)
        park(run)
    (heard,) = host.asked
    address = orjson.loads(heard.body)["to"]

    waits.answer_callback(address.rpartition("/")[2], b'"paid"')
    execute(run)

    assert output_of(run) == "paid"
    assert ToolCall.objects.get(run=run).status == "completed"


def test_an_answer_counts_though_the_attempt_that_asked_was_lost(in_acme: Tenant) -> None:
    """Whoever is told of the address may be quicker than the wave after which the node waits."""
    trusted = {"id": "start", "kind": "input", "schema": {}, "labels": {"integrity": "endorsed"}}
    with ScriptedHost() as host:
        make_destination(host)
        told = {"method": "POST", "url": f"{host.url}/pay", "json": {"to": "{{ callback_url }}"}}
        request = {"tool": "http_request", "arguments": told, "idempotent": True}
        asked = callback("bank", "start", request=request)
        run = make_run(publish(nodes=[trusted, asked, result("{{ bank }}", "bank")]))
        park(run)
        (heard,) = host.asked
        waits.answer_callback(orjson.loads(heard.body)["to"].rpartition("/")[2], b'"paid"')
        waiting = NodeExecution.objects.filter(run=run, node_id="bank")
        waiting.update(status="running", waits_for=None, due_at=None)
        Run.objects.filter(pk=run.pk).update(status="running")
        RunClaim.objects.filter(run_id=run.pk).update(wanted=True, losses=1)
        execute(run)

    assert output_of(run) == "paid"
    assert list(waiting.order_by("attempt").values_list("error_code", flat=True)) == [
        "worker_lost",
        "",
    ]
    assert Wait.objects.get(run=run).attempt == 2
    assert len(host.asked) == 1


def test_an_answer_that_its_worker_took_to_the_grave_is_seen(
    in_acme: Tenant, tokens: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes, and its signal is taken, before the wave that parks the run; of that commit the worker never hears."""
    run = make_run(calling_back(schema=PAID))
    really = writing.write

    def die_after_the_parking(steps: Sequence[Step], *rest: Any) -> set[UUID]:
        parks = any(step.wave.run["parks"] for step in steps)
        if parks:
            waits.answer_callback(tokens[0], b'{"paid": true}')
            assert claims.take_signals(worker=Worker.objects.get()) == [run.pk]
        written = really(steps, *rest)
        if parks:
            raise OperationalError
        return written

    monkeypatch.setattr(writing, "write", die_after_the_parking)
    park(run)
    monkeypatch.undo()

    claim = RunClaim.objects.get(run_id=run.pk)
    assert (claim.wanted, claim.not_before) == (True, None)
    assert output_of(execute(run)) == {"paid": True}


def test_the_address_holds_the_token_and_nothing_else_does(
    in_acme: Tenant, tokens: list[str]
) -> None:
    run = make_run(calling_back())
    park(run)

    address = waits.address_of(tokens[0])
    assert re.fullmatch(r"https?://[^/]+/api/v1/callbacks/\S+", address)
    rows = [
        *NodeExecution.objects.filter(run=run).values(),
        *RunEvent.objects.filter(run=run).values(),
    ]
    assert tokens[0] not in str(rows)


# -- approval ---------------------------------------------------------------------------------------------------------


def approving(*, with_branch: bool = False, **more: Any) -> WorkflowVersion:
    asked = approval(
        "check", "start", question="Pay {{ start.n }}?", show={"n": "{{ start.n }}"}, **more
    )
    nodes = [asked, transform("paid", "{by: check.by, verdict: check.verdict}", "check")]
    if with_branch:
        nodes.append(transform("declined", "{reason: check.reason}", "check:refused"))
    last = merge("last", *[node["id"] for node in nodes[1:]])
    return publish(*nodes, last, result("{{ last }}", "last"))


def decide(run: Run, verdict: str = "approved", **more: Any) -> None:
    wait = Wait.objects.filter(run=run).latest("attempt")
    said: dict[str, Any] = {"reason": "Because.", "by": ROB, "role": "reviewer"}
    waits.decide(wait=wait, verdict=verdict, **said | more)


def test_an_approval_lets_the_run_go_on(in_acme: Tenant) -> None:
    run = make_run(approving(), n=7)
    park(run)
    row = NodeExecution.objects.get(run=run, node_id="check")
    assert row.waits_for == {
        "kind": "approval",
        "wait": str(Wait.objects.get(run=run).pk),
        "approver": "reviewer",
    }
    assert payloads.open_payload(Wait.objects.get(run=run), "question_sealed") == {
        "question": "Pay 7?",
        "show": {"n": 7},
    }

    decide(run)
    done = execute(run)

    assert done.status == "completed"
    assert output_of(run) == {"paid": {"by": "user:rob", "verdict": "approved"}}
    assert NodeExecution.objects.get(run=run, node_id="check").branch == "approved"
    assert events_of(run, "check") == [
        "node.started",
        "approval.requested",
        "node.waiting",
        "node.resumed",
        "approval.decided",
        "branch.taken",
        "node.completed",
    ]


def test_a_refusal_takes_its_branch(in_acme: Tenant) -> None:
    run = make_run(approving(with_branch=True))
    park(run)
    decide(run, "refused", reason="Too much.")
    done = execute(run)

    assert (done.status, output_of(run)) == ("completed", {"declined": {"reason": "Too much."}})
    assert statuses(run)["paid"] == "skipped"


def test_a_refusal_without_a_branch_fails_the_run(in_acme: Tenant) -> None:
    run = make_run(approving())
    park(run)
    decide(run, "refused")
    done = execute(run)

    assert (done.status, done.error_code, done.error_node) == (
        "failed",
        "approval_refused",
        "check",
    )


def test_what_was_refused_is_asked_again_in_a_run_that_is_resumed(in_acme: Tenant) -> None:
    """A resume tries again what failed. Who refused is not overruled by it: the question is open once more."""
    run = make_run(approving())
    park(run)
    decide(run, "refused")
    execute(run)

    resume.resume(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)
    park(run)
    decide(run)
    done = execute(run)

    assert done.status == "completed"
    answers = Wait.objects.filter(run=run).order_by("attempt").values_list("attempt", "verdict")
    assert list(answers) == [(1, "refused"), (2, "approved")]


def test_an_approval_that_nobody_decides_expires(in_acme: Tenant) -> None:
    run = execute(make_run(approving(expires_in_seconds=1)))

    assert (run.status, run.error_code) == ("failed", "approval_expired")
    with pytest.raises(AnswerRefused):
        decide(run)


def test_only_the_role_that_was_named_decides(in_acme: Tenant) -> None:
    run = make_run(approving())
    park(run)

    with pytest.raises(AnswerRefused, match="reviewer"):
        decide(run, role="operator")
    assert Wait.objects.get(run=run).is_open


def test_whoever_started_a_run_does_not_decide_in_it(in_acme: Tenant) -> None:
    run = make_run(approving())
    Run.objects.filter(pk=run.pk).update(started_by_kind="user", started_by_id="rob")
    park(run)

    with pytest.raises(AnswerRefused, match="started"):
        decide(run)


def test_a_refusal_needs_a_reason_and_a_verdict_is_one_of_two(in_acme: Tenant) -> None:
    run = make_run(approving())
    park(run)

    with pytest.raises(AnswerInvalid, match="why"):
        decide(run, "refused", reason="  ")
    with pytest.raises(AnswerInvalid):
        decide(run, "perhaps")
    with pytest.raises(AnswerRefused):
        waits.decide(
            wait=Wait(kind="callback"), verdict="approved", reason="", by=ROB, role="reviewer"
        )


def test_a_decision_is_made_once(in_acme: Tenant) -> None:
    run = make_run(approving())
    park(run)
    decide(run)

    with pytest.raises(AnswerRefused, match="already"):
        decide(run, "refused")


def test_a_wait_is_bounded_by_the_time_of_its_node(in_acme: Tenant) -> None:
    """`timeout_seconds` bounds the whole attempt, the waiting included."""
    run = make_run(approving(timeout_seconds=1.3))
    park(run)
    assert RunClaim.objects.get(run_id=run.pk).not_before < datetime.now(UTC) + timedelta(minutes=1)  # type: ignore[operator]
    done = execute(run)

    assert (done.status, done.error_code) == ("failed", "timeout")
    assert Wait.objects.get(run=run).withdrawn_at


def test_two_questions_at_once_are_answered_one_by_one(in_acme: Tenant) -> None:
    version = publish(
        approval("one", "start"),
        approval("two", "start", approver="operator"),
        merge("both", "one", "two"),
        result({"one": "{{ one.verdict }}", "two": "{{ two.verdict }}"}, "both"),
    )
    run = make_run(version)
    park(run)
    first = Wait.objects.get(run=run, node_id="two")
    waits.decide(wait=first, verdict="approved", reason="", by=ROB, role="operator")
    with running_executor() as executor:
        wait_until(lambda: statuses(run)["two"] == "completed" and executor.is_idle)
    assert status_of(run) == "waiting"

    second = Wait.objects.get(run=run, node_id="one")
    waits.decide(wait=second, verdict="approved", reason="", by=ROB, role="reviewer")
    execute(run)

    assert output_of(run) == {"one": "approved", "two": "approved"}


def test_a_failing_run_withdraws_its_questions(in_acme: Tenant) -> None:
    version = publish(
        approval("check", "start"),
        delay("rest", 0.3, "start"),
        transform("bad", "abs(start.text)", "rest"),
        merge("both", "check", "bad"),
        result("{{ both }}", "both"),
    )
    run = execute(make_run(version, text="x"))

    assert (run.status, run.error_node) == ("failed", "bad")
    row = NodeExecution.objects.get(run=run, node_id="check")
    assert (row.status, row.error_code) == ("cancelled", "run_failed")
    assert Wait.objects.get(run=run).withdrawn_at
    with pytest.raises(AnswerRefused):
        decide(run)


def test_an_answer_in_a_body_that_opens_late_is_found(in_acme: Tenant) -> None:
    """Bodies open one after the other: the answer was there before the run was taken up again."""
    looped = {
        "id": "each",
        "kind": "for_each",
        "after": ["start"],
        "items": [1, 2],
        "width": 1,
        "body": {"nodes": [approval("ask")]},
        "value": "{{ ask.verdict }}",
    }
    run = make_run(publish(looped, result("{{ each.items }}", "each")))
    for index in range(2):
        with running_executor() as executor:
            question = Wait.objects.filter(run=run, node_id=f"each[{index}].ask")
            wait_until(lambda: question.exists() and executor.is_idle)  # noqa: B023
        asked = Wait.objects.get(run=run, node_id=f"each[{index}].ask")
        waits.decide(wait=asked, verdict="approved", reason="", by=ROB, role="reviewer")
    execute(run)

    assert output_of(run) == ["approved", "approved"]
