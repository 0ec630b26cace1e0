"""Replays: the same run again from its evidence, and what would be different if something else were."""

import re
import secrets
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance import policies
from compliance.policy import rules
from runs import cancel, payloads, replay, resume, waits
from runs.errors import EvidenceDisposed, EvidenceIncomplete, ReplayRefused
from runs.models import CallStatus, ModelCall, NodeExecution, Run, Wait
from runs.rehearsal import Rehearsal
from runs.replay_report import ReplayReport
from tenancy import actors
from tenancy.actors import Actor
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests.runs import definitions
from tests.runs.making import (
    execute,
    finish,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import (
    approval,
    callback,
    delay,
    for_each,
    llm,
    merge,
    publish,
    refine,
    result,
    sub_workflow,
    transform,
)
from tests.runs.test_fork import dispose, make_fork, make_ordered, republish
from tests.runs.test_tool_calls import make_destination
from workflows import stores

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE|WITH|CREATE|TRUNCATE)", re.IGNORECASE)
REVIEWER = Actor(kind="user", id="rob", name="Rob")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket of this process leads anywhere. The database has its own, below Python."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("A replay reached for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def again(run: Run, **what_if: Any) -> ReplayReport:
    return replay.replay(Run.objects.get(pk=run.pk), by=actors.SYSTEM, **what_if)


def told(report: ReplayReport) -> list[tuple[str, str, str, str]]:
    """What is not as it was, for the message of a test that fails."""
    return [(e.node, e.state, e.code, e.why) for e in report.nodes if e.state != "same"]


def states(report: ReplayReport) -> dict[str, str]:
    return {each.node: each.state for each in report.nodes}


def same(run: Run) -> ReplayReport:
    report = again(run)
    assert report.result == "same", (report.recorded_status, report.replayed_status, told(report))
    return report


def answer_approval(run: Run, verdict: str = "approved") -> None:
    wait_until(lambda: Wait.objects.filter(run=run).exists())
    waits.decide(
        wait=Wait.objects.get(run=run),
        verdict=verdict,
        reason="So be it.",
        by=REVIEWER,
        role=Role.REVIEWER,
    )


# -- the same ---------------------------------------------------------------------------------------------------------


def stored_runs(model: ScriptedModel) -> Iterator[Run]:
    """Twenty runs of all kinds that need no tool."""
    chain = make_version(definitions.CHAIN)
    branches = make_version(definitions.BRANCHES)
    talk = make_version(definitions.TALK)
    beside = make_version(definitions.SIDE_BY_SIDE)
    each = publish(
        for_each("each", [llm("say", "say {{ item }}")], "{{ say.text }}", "start", width=3),
        result({"all": "{{ each.items }}"}, "each"),
    )
    apart = publish(
        for_each(
            "each", [llm("say", "say {{ item }}")], "{{ say.text }}", "start", children_above=1
        ),
        result({"all": "{{ each.items }}"}, "each"),
    )
    inner = publish(
        sub_workflow("inner", talk, "start"), result({"said": "{{ inner.said }}"}, "inner")
    )
    slow = publish(delay("rest", 0.1, "start"), result({"at": "{{ rest.until }}"}, "rest"))
    improved = publish(
        refine(
            "improve",
            [llm("draft", "draft {{ round }} {{ feedback }}")],
            "start",
            accept={"left": "{{ round }}", "op": ">=", "right": 2},
            value="{{ draft.text }}",
            feedback="more than {{ draft.text }}",
        ),
        result({"value": "{{ improve.value }}"}, "improve"),
    )
    for number in range(4):
        yield make_run(chain, n=number)
        yield make_run(branches, n=number * 5)
    for number in range(3):
        yield make_run(talk, n=number)
        yield make_run(each, items=["a", "b", "c", "d", "e"][: number + 1])
    yield make_run(beside)
    yield make_run(apart, items=["a", "b", "c"])
    yield make_run(inner)
    yield make_run(slow)
    yield make_run(improved)
    yield make_run(improved, text="other")


def test_twenty_stored_runs_replay_to_the_same_output(in_acme: Tenant, offline_later: Any) -> None:
    with ScriptedModel() as model, running_executor():
        make_model_group(model.base_url)
        runs = [finish(run) for run in list(stored_runs(model))]
    assert len(runs) == 20
    assert {run.status for run in runs} == {"completed"}
    offline_later()

    for run in runs:
        report = same(run)
        assert report.output_same
        assert report.output_replayed == report.output_recorded == run.output_commitment


@pytest.fixture
def offline_later(request: pytest.FixtureRequest) -> Any:
    """Cut the network when the runs are done."""
    return lambda: request.getfixturevalue("offline")


def test_nothing_is_asked_and_nothing_is_written_but_one_entry(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))
        asked = len(model.prompts)
        begun = LedgerEntry.objects.count()
        queries: list[int] = []
        pure = Rehearsal.run

        def counted(rehearsal: Rehearsal) -> None:
            with CaptureQueriesContext(connection) as captured:
                pure(rehearsal)
            queries.append(len(captured))

        monkeypatch.setattr(Rehearsal, "run", counted)
        with CaptureQueriesContext(connection) as captured:
            same(run)

    changing = [each["sql"] for each in captured if CHANGES.match(each["sql"])]
    assert [sql.split()[2].strip('"') for sql in changing] == ["tenancy_ledgerentry"]
    assert (queries, len(model.prompts)) == ([0], asked)
    assert LedgerEntry.objects.count() == begun + 1
    entry = LedgerEntry.objects.get(event="run.replayed")
    assert (entry.subject_id, entry.facts["result"]) == (str(run.pk), "same")


@pytest.mark.parametrize("well_too", [True, False])
def test_a_call_that_found_nobody_is_replayed_as_such(in_acme: Tenant, well_too: bool) -> None:
    with ScriptedModel() as well:
        make_model_group("http://127.0.0.1:9/v1", *([well.base_url] if well_too else []))
        run = execute(make_run(make_version(definitions.TALK)))

    assert run.error_code == ("" if well_too else "model_connection")
    assert ModelCall.objects.filter(run=run, error_kind="not_sent").exists()
    same(run)


def test_failover_and_repair_are_replayed(in_acme: Tenant) -> None:
    answers = iter(["no JSON", '{"n": 1}'])
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with (
        ScriptedModel(lambda prompt: (500, "{}")) as broken,
        ScriptedModel(lambda prompt: next(answers)) as model,
    ):
        make_model_group(broken.base_url, model.base_url)
        version = publish(llm("ask", "ask", "start", output=schema), result("{{ ask }}", "ask"))
        run = execute(make_run(version))

    assert run.status == "completed"
    assert ModelCall.objects.filter(run=run).count() >= 3
    same(run)


def test_retries_are_replayed(in_acme: Tenant) -> None:
    answers: Iterator[Any] = iter([(500, "{}"), (500, "{}"), "well"])
    with ScriptedModel(lambda prompt: next(answers)) as model:
        make_model_group(model.base_url)
        retry = {"attempts": 3, "wait_seconds": 0.01}
        version = publish(llm("ask", "ask", "start", retry=retry), result("{{ ask.text }}", "ask"))
        run = execute(make_run(version))

    assert NodeExecution.objects.filter(run=run, node_id="ask").count() == 3
    same(run)


def test_a_failed_run_fails_again_in_the_same_way(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))

    report = same(run)
    assert (report.replayed_status, report.output_same) == ("failed", None)
    assert states(report)["again"] == "not_reached"


def test_a_resumed_run_is_replayed_as_it_went_in_the_end(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as model, running_executor():
        make_model_group(model.base_url)
        run = finish(make_run(make_version(definitions.TALK)))
        model.script = lambda prompt: "well"
        resume.resume(run=run, by=actors.SYSTEM)
        run = finish(run)

    assert run.status == "completed"
    same(run)


def test_going_on_after_a_failure_is_replayed(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        version = publish(
            llm("ask", "ask", "start", on_failure="continue", fallback={"text": "nothing"}),
            result("{{ ask.text }}", "ask"),
        )
        run = execute(make_run(version))

    assert run.status == "completed_with_non_critical_errors"
    same(run)


def test_an_approval_is_replayed_with_its_answer(in_acme: Tenant) -> None:
    version = publish(
        approval("allow", "start"),
        transform("yes", "'yes'", "allow:approved"),
        transform("no", "'no'", "allow:refused"),
        merge("both", "yes", "no", mode="first"),
        result("{{ both }}", "both"),
    )
    with running_executor():
        runs = [make_run(version), make_run(version)]
        answer_approval(runs[0])
        answer_approval(runs[1], "refused")
        runs = [finish(run) for run in runs]

    for run in runs:
        assert run.status == "completed"
        same(run)


def test_a_callback_is_replayed_with_its_address_and_its_answer(in_acme: Tenant) -> None:
    with ScriptedHost() as host, running_executor():
        make_destination(host)
        told_at = {
            "tool": "http_request",
            "arguments": {
                "url": f"http://127.0.0.1:{host.port}/hook",
                "method": "POST",
                "json": {"answer_at": "{{ callback_url }}"},
            },
        }
        start = {
            "id": "start",
            "kind": "input",
            "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "labels": {"integrity": "endorsed"},
        }
        version = publish(
            nodes=[start, callback("hook", "start", request=told_at), result("{{ hook }}", "hook")]
        )
        run = make_run(version)
        wait_until(lambda: Run.objects.get(pk=run.pk).status in ("waiting", "failed"))
        assert host.asked, Run.objects.get(pk=run.pk).error_sentence
        address = host.asked[0].body.split('"answer_at":')[1].strip(' "}')
        waits.answer_callback(address.rpartition("/")[2], b'{"ok": true}')
        run = finish(run)

    assert run.status == "completed"
    same(run)


def test_tool_calls_are_replayed_and_not_made(in_acme: Tenant, offline_later: Any) -> None:
    with ScriptedHost() as host:
        run = make_ordered(host)
        assert run.status == "completed", run.error_sentence
    offline_later()

    same(run)
    assert len(host.asked) == 1


def test_a_fork_is_replayed_from_where_it_begins(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))
        forked = execute(make_fork(run, "again"))

    report = same(forked)
    assert states(report) == {"start": "reused", "ask": "reused", "again": "same", "result": "same"}


def test_a_cancelled_run_is_replayed_as_far_as_it_came(in_acme: Tenant) -> None:
    with running_executor():
        version = publish(
            transform("one", "start.n", "start"),
            delay("rest", 60, "one"),
            result("{{ one }}", "rest"),
        )
        run = make_run(version)
        wait_until(lambda: Run.objects.get(pk=run.pk).status == "waiting")
        cancel.cancel(run=run, by=actors.SYSTEM)

    assert states(same(run))["one"] == "same"


def test_what_was_called_off_while_it_waited_is_called_off_again(in_acme: Tenant) -> None:
    nodes = [
        llm("ask", "hello", "start"),
        delay("rest", 60, "start"),
        merge("both", "ask", "rest"),
        result("{{ both }}", "both"),
    ]
    with ScriptedModel(lambda prompt: (400, "{}"), seconds=0.1) as model:
        make_model_group(model.base_url)
        run = execute(make_run(publish(*nodes)))

    assert NodeExecution.objects.get(run=run, node_id="rest").status == "cancelled"
    same(run)


def test_a_wait_that_took_too_long_does_so_again(in_acme: Tenant) -> None:
    rest = delay("rest", 60, "start", timeout_seconds=0.2, on_failure="continue", fallback=None)
    run = execute(make_run(publish(rest, result({"at": "{{ rest }}"}, "rest"))))

    assert NodeExecution.objects.get(run=run, node_id="rest").error_code == "timeout"
    same(run)


def test_a_callback_that_nobody_answered_expires_again(in_acme: Tenant) -> None:
    hook = callback("hook", "start", expires_in_seconds=1, on_failure="continue", fallback=None)
    run = execute(make_run(publish(hook, result({"said": "{{ hook }}"}, "hook"))))

    assert NodeExecution.objects.get(run=run, node_id="hook").error_code == "callback_expired"
    same(run)


def test_rounds_that_a_resume_began_anew_are_those_of_the_record(in_acme: Tenant) -> None:
    good = {"left": "{{ draft.text }}", "op": "==", "right": "good"}
    improve = refine(
        "improve", [llm("draft", "draft")], "start", accept=good, value="{{ draft.text }}", rounds=2
    )
    answers = ["bad", "bad", "good"]
    with ScriptedModel(lambda prompt: answers.pop(0)) as model, running_executor():
        make_model_group(model.base_url)
        run = finish(make_run(publish(improve, result("{{ improve.rounds }}", "improve"))))
        resume.resume(run=run, by=actors.SYSTEM)
        run = finish(run)

    assert run.status == "completed"
    assert same(run).output_same


def test_calls_of_code_are_answered_in_their_order(in_acme: Tenant, offline_later: Any) -> None:
    code = """first = http_request(method="GET", url=url + "/a")
second = http_request(method="GET", url=url + "/b")
[first["json"]["path"], second["json"]["path"]]"""
    with ScriptedHost() as host:
        make_destination(host)
        work = {
            "id": "work",
            "kind": "code",
            "after": ["start"],
            "code": code,
            "inputs": {"url": f"http://127.0.0.1:{host.port}"},
            "may_call": ["http_request"],
        }
        run = execute(make_run(publish(work, result({"paths": "{{ work }}"}, "work"))))
        assert run.status == "completed", run.error_sentence
    offline_later()

    assert same(run).output_same
    assert [asked.path for asked in host.asked] == ["/a", "/b"]


def test_what_is_large_is_read_from_the_store_and_not_written_to_it(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(secrets.token_hex(32) for _ in range(40_000))
    version = publish(
        transform("big", "{text: start.text}", "start"),
        result({"text": "{{ big.text }}"}, "big"),
    )
    run = execute(make_run(version, n=1, text=text))
    assert run.output_sealed is not None
    assert payloads.is_stored(run.output_sealed)

    def refuse(*_: Any, **__: Any) -> str:
        raise AssertionError("A replay wrote to the store")

    monkeypatch.setattr(stores, "put", refuse)
    assert same(run).output_same


def test_a_run_that_was_cancelled_at_once_is_not_carried_further(in_acme: Tenant) -> None:
    run = make_run(make_version(definitions.CHAIN))
    cancel.cancel(run=run, by=actors.SYSTEM)

    report = same(run)

    assert set(states(report).values()) == {"not_reached"}
    assert (report.replayed_status, report.output_same) == ("", None)


def test_a_child_that_went_on_after_failures_is_told_of(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        inner = publish(
            llm("ask", "ask", "start", on_failure="continue", fallback={"text": "nothing"}),
            result({"said": "{{ ask.text }}"}, "ask"),
        )
        outer = publish(sub_workflow("inner", inner, "start"), result("{{ inner.said }}", "inner"))
        run = execute(make_run(outer))

    assert run.status == "completed_with_non_critical_errors"
    same(run)


# -- what is not the same ---------------------------------------------------------------------------------------------


def test_a_changed_prompt_reports_the_exact_node(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        version = make_version(definitions.TALK)
        run = execute(make_run(version, n=3))
        later = republish(version, "again {{ ask.text }}", "once more {{ ask.text }}")

    report = again(run, version=later)

    assert report.result == "differs"
    assert report.first is not None
    assert (report.first.node, report.first.code) == ("again", "prompt_differs")
    assert states(report) == {
        "start": "same",
        "ask": "same",
        "again": "differs",
        "result": "not_reached",
    }


def test_a_prompt_changed_in_a_body_is_found_in_its_child_runs(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        version = publish(
            for_each(
                "each", [llm("say", "say {{ item }}")], "{{ say.text }}", "start", children_above=1
            ),
            result({"all": "{{ each.items }}"}, "each"),
        )
        run = execute(make_run(version, items=["a", "b"]))
        later = republish(version, "say {{ item }}", "shout {{ item }}")

    report = again(run, version=later)

    assert report.first is not None
    assert (report.first.node, report.first.code) == ("each[0].run/say", "prompt_differs")


def test_a_changed_transform_is_followed_to_what_reads_it(in_acme: Tenant) -> None:
    version = make_version(definitions.CHAIN)
    run = execute(make_run(version, n=3))
    later = republish(version, "{n: one.n}", "{n: `9`}")

    report = again(run, version=later)

    assert report.first is not None
    assert (report.first.node, report.first.code) == ("two", "output_differs")
    assert report.output_same is False
    assert report.output_replayed != report.output_recorded
    assert states(report)["result"] == "differs"


def test_another_order_of_models_is_answered_as_far_as_the_record_goes(in_acme: Tenant) -> None:
    with ScriptedModel() as model, ScriptedModel() as other:
        make_model_group(model.base_url, other.base_url)
        run = execute(make_run(make_version(definitions.TALK)))
    first, second = (each["deployment"] for each in run.manifest["model_groups"]["default"])

    assert again(run, model_groups={"default": [first, second]}).result == "same"
    report = again(run, model_groups={"default": [second, first]})
    assert report.first is not None
    assert (report.first.node, report.first.code) == ("ask", "model_differs")


FORBID = """
@id("no-models") @code("no_models") @reason("Nobody asks a model.")
forbid (principal, action == Grove::Action::"ModelCall", resource);
"""


def test_another_policy_decides_each_recorded_action_again(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))
    texts = rules.default_texts()
    snapshot = policies.create(
        hard=texts.hard + FORBID, obligations=texts.obligations, by=actors.SYSTEM
    )

    report = again(run, snapshot=snapshot)

    changes = [(each.node, each.change) for each in report.decisions]
    assert changes == [("ask", "newly_denied"), ("again", "newly_denied")]
    assert report.first is not None
    assert (report.first.node, report.first.code) == ("ask", "decision_differs")
    assert report.replayed_status == "failed"


def test_the_policy_of_then_changes_nothing(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))

    report = again(run, snapshot=run.snapshot)

    assert (report.result, report.decisions) == ("same", ())


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.fixture
def talked(in_acme: Tenant) -> Run:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        return execute(make_run(make_version(definitions.TALK)))


def test_a_disposed_run_is_refused_with_that_reason(talked: Run) -> None:
    dispose(talked)

    with pytest.raises(EvidenceDisposed, match="disposed of"):
        again(talked)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": CallStatus.INTERRUPTED}, "interrupted"),
        ({"status": CallStatus.LATE}, "too late"),
        ({"status": CallStatus.INTENDED}, "never settled"),
        ({"response_sealed": None}, "no answer on record"),
    ],
)
def test_incomplete_evidence_is_refused(
    talked: Run, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr("runs.evidence._check_records", lambda tree: None)
    ModelCall.objects.filter(run=talked, node_id="ask").update(**change)

    with pytest.raises(EvidenceIncomplete, match=why) as refused:
        again(talked)
    assert [each["node"] for each in refused.value.extra["missing"]] == ["ask"]


def test_evidence_that_is_not_what_the_ledger_committed_to_is_refused(talked: Run) -> None:
    NodeExecution.objects.filter(run=talked, node_id="ask").update(branch="other")

    with pytest.raises(EvidenceIncomplete, match="ledger"):
        again(talked)


def test_a_run_that_has_not_ended_is_refused(in_acme: Tenant) -> None:
    with pytest.raises(ReplayRefused, match="queued"):
        again(make_run(make_version(definitions.CHAIN)))


def test_a_child_run_is_replayed_with_its_root(in_acme: Tenant) -> None:
    child = make_version(definitions.CHAIN)
    run = execute(
        make_run(publish(sub_workflow("inner", child, "start"), result("{{ inner.n }}", "inner")))
    )

    with pytest.raises(ReplayRefused, match="Replay that one"):
        again(Run.objects.get(parent_run=run))
    assert states(same(run))["inner/two"] == "same"


def test_a_version_of_another_workflow_is_refused(talked: Run) -> None:
    with pytest.raises(ReplayRefused, match="own workflow"):
        again(talked, version=make_version(definitions.CHAIN))
