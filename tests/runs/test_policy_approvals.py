"""A policy that asks for an approval parks the node: what was approved leaves, once, and nothing else does."""

import json
from typing import Any

import pytest

from compliance import policies
from compliance.policy import rules
from runs import cancel, waits
from runs.models import Decision, ModelCall, NodeExecution, Run, RunEvent, ToolCall, Wait
from runs.payloads import open_payload
from runs.records import check_record
from tenancy import actors
from tenancy.actors import Actor
from tenancy.models import Tenant
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
from tests.runs.scripted_host import Asked, Reply, ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import callback, for_each, llm, publish, result
from tests.runs.test_replay import same
from tests.runs.test_tool_calls import asking, decisions_of, make_destination
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

OLA = Actor(kind="user", id="ola", name="Ola")
MODELS_NEED = (
    '@id("ask.{role}") @obligation("require_approval") @approver("{role}") '
    '@reason("A {role} looks at what is sent to {{resource}}.") '
    'permit (principal, action == Grove::Action::"ModelCall", resource);'
)
CODE = (
    definitions.HEAD
    + """  - id: calc
    kind: code
    title: Calculate
    after: [start]
    may_call: [http_request]
    code: |
      claim = http_request(method="GET", url="{url}/claims")
      http_request(method="POST", url="{url}/pay", json=claim["json"])
  - {{id: result, kind: output, title: Result, after: [calc], value: "{{{{ calc }}}}"}}
"""
)


def posting(host: ScriptedHost) -> WorkflowVersion:
    make_destination(host)
    return make_version(asking(method="POST", url=host.url, json={"n": "{{ start.n }}"}))


def require(*roles: str) -> None:
    """From now on each model call needs the word of these roles."""
    texts = rules.default_texts()
    owed = "".join(MODELS_NEED.format(role=role) for role in roles)
    snapshot = policies.create(
        hard=texts.hard, obligations=texts.obligations + owed, by=actors.SYSTEM
    )
    policies.activate(snapshot=snapshot, by=actors.SYSTEM)


def open_wait(run: Run, number: int = 1) -> Wait:
    """The question that is open, once `number` of them have been asked and the run waits for it."""
    asked = Wait.objects.filter(run__root_run=run) | Wait.objects.filter(run=run)
    wait_until(lambda: asked.count() == number and Run.objects.get(pk=run.pk).status == "waiting")
    wait: Wait = asked.get(answered_at=None, withdrawn_at=None)
    return wait


def answer(wait: Wait, verdict: str = "approved") -> None:
    waits.decide(wait=wait, verdict=verdict, reason="So be it.", by=OLA, role=wait.approver)


def told(run: Run) -> list[str]:
    names = (
        "approval.requested",
        "approval.decided",
        "tool.requested",
        "tool.reused",
        "model.reused",
    )
    rows = RunEvent.objects.filter(run=run, name__in=names).order_by("seq")
    return list(rows.values_list("name", flat=True))


def test_an_effect_leaves_once_it_is_approved(in_acme: Tenant) -> None:
    with ScriptedHost() as host, running_executor():
        run = make_run(posting(host), n=7)
        wait = open_wait(run)
        assert (host.asked, wait.approver) == ([], "operator")
        asked = open_payload(wait, "question_sealed")
        assert "cannot be taken back" in asked["question"]
        assert asked["show"]["sends"]["arguments"]["json"] == {"n": 7}

        answer(wait)
        run = finish(run)

    assert run.status == "completed", run.error_sentence
    assert [each.method for each in host.asked] == ["POST"]
    assert [verdict for verdict, _ in decisions_of(run)] == ["require_approval", "allow"]
    allowed = Decision.objects.get(run=run, verdict="allow")
    assert allowed.facts["approvals"] == ["operator"]
    assert told(run) == ["approval.requested", "approval.decided", "tool.requested"]
    row = NodeExecution.objects.get(run=run, node_id="ask")
    assert (row.attempt, row.status) == (1, "completed")
    check_record(run)
    same(run)


def telling(host: ScriptedHost) -> WorkflowVersion:
    """A callback that tells somebody of its address by a request that cannot be taken back."""
    make_destination(host)
    body = {"to": "{{ callback_url }}", "about": "{{ start.text }}"}
    told = {"method": "POST", "url": f"{host.url}/pay", "json": body}
    asked = callback("bank", "start", request={"tool": "http_request", "arguments": told})
    start = {"id": "start", "kind": "input", "schema": {}, "labels": {"integrity": "untrusted"}}
    return publish(nodes=[start, asked, result("{{ bank }}", "bank")])


def question_of(run: Run) -> Wait:
    asked = Wait.objects.filter(run=run, kind="approval")
    wait_until(lambda: asked.exists() and Run.objects.get(pk=run.pk).status == "waiting")
    return asked.get()


def test_a_callbacks_own_request_leaves_with_the_address_that_was_approved(
    in_acme: Tenant,
) -> None:
    with ScriptedHost() as host, running_executor():
        run = make_run(telling(host), n=1, text="A claim.")
        question = question_of(run)
        shown = open_payload(question, "question_sealed")["show"]["sends"]["arguments"]["json"]
        assert host.asked == []

        answer(question)
        wait_until(lambda: len(host.asked) == 1)
        sent = json.loads(host.asked[0].body)
        waits.answer_callback(sent["to"].rpartition("/")[2], b'"paid"')
        run = finish(run)

    assert run.status == "completed", run.error_sentence
    assert sent == shown
    assert len(host.asked) == 1
    assert Wait.objects.filter(run=run).count() == 2
    assert [verdict for verdict, _ in decisions_of(run)] == ["require_approval", "allow"]
    check_record(run)
    same(run)


def test_a_callback_whose_request_is_refused_tells_nobody(in_acme: Tenant) -> None:
    with ScriptedHost() as host, running_executor():
        run = make_run(telling(host), n=1, text="A claim.")
        answer(question_of(run), "refused")
        run = finish(run)

    assert host.asked == []
    assert (run.status, run.error_code) == ("failed", "approval_refused")
    assert not Wait.objects.filter(run=run, answered_at=None, withdrawn_at=None).exists()
    same(run)


def test_what_is_refused_does_not_leave(in_acme: Tenant) -> None:
    with ScriptedHost() as host, running_executor():
        run = make_run(posting(host))
        answer(open_wait(run), "refused")
        run = finish(run)

    assert host.asked == []
    assert (run.status, run.error_code) == ("failed", "approval_refused")
    assert "refused this action. Reason: So be it." in run.error_sentence
    assert not ToolCall.objects.filter(run=run).exists()
    same(run)


def test_undecided_the_node_fails_when_its_time_is_over(in_acme: Tenant, settings: Any) -> None:
    settings.APPROVAL_SECONDS = 1
    with ScriptedHost() as host:
        run = execute(make_run(posting(host)))

    assert host.asked == []
    assert (run.error_code, run.error_sentence) == (
        "approval_expired",
        "Nobody with the role operator decided in time.",
    )
    wait = Wait.objects.get(run=run)
    assert wait.withdrawn_at is not None


def test_the_run_waits_without_a_worker_and_goes_on_with_another(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        run = make_run(posting(host))
        with running_executor():
            wait = open_wait(run)
        answer(wait)
        run = execute(run)

    assert run.status == "completed"
    assert len(host.asked) == 1


def test_a_cancelled_run_asks_nobody_any_more(in_acme: Tenant) -> None:
    with ScriptedHost() as host, running_executor():
        run = make_run(posting(host))
        wait = open_wait(run)
        cancel.cancel(run=run, by=actors.SYSTEM)
        finish(run)

    wait.refresh_from_db()
    assert wait.withdrawn_at is not None
    assert host.asked == []


def test_each_role_is_asked_in_its_turn(in_acme: Tenant) -> None:
    require("operator", "reviewer")
    with ScriptedModel() as model, running_executor():
        make_model_group(model.base_url)
        run = make_run(publish(llm("say", "Hello", "start"), result("{{ say }}", "say")))
        first = open_wait(run)
        answer(first)
        second = open_wait(run, 2)
        assert {first.approver, second.approver} == {"operator", "reviewer"}
        assert model.prompts == []
        answer(second)
        run = finish(run)

    assert run.status == "completed", run.error_sentence
    assert len(model.prompts) == 1
    allowed = Decision.objects.get(run=run, verdict="allow")
    assert allowed.facts["approvals"] == ["operator", "reviewer"]
    same(run)


def test_what_was_answered_before_the_question_is_not_asked_again(in_acme: Tenant) -> None:
    """The repair of an answer is another action: it needs a word of its own, and the first call stays the first."""
    require("operator")
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    answers = iter(["no json", '{"ok": true}'])
    with ScriptedModel(lambda _: next(answers)) as model, running_executor():
        make_model_group(model.base_url)
        run = make_run(
            publish(llm("say", "Hello", "start", output=schema), result("{{ say }}", "say"))
        )
        answer(open_wait(run))
        answer(open_wait(run, 2))
        run = finish(run)

    assert run.status == "completed", run.error_sentence
    assert len(model.prompts) == 2
    calls = ModelCall.objects.filter(run=run)
    assert {(call.attempt, call.status) for call in calls} == {(1, "completed")}
    row = NodeExecution.objects.get(run=run, node_id="say")
    assert row.tokens_in == sum(call.tokens_in for call in calls)
    assert "model.reused" in told(run)
    same(run)


def test_code_does_not_read_again_what_it_read_before_the_question(in_acme: Tenant) -> None:
    numbers = iter(range(1, 10))

    def reply(asked: Asked) -> Reply:
        return Reply(body=json.dumps({"claim": next(numbers)}))

    with ScriptedHost(reply) as host, running_executor():
        make_destination(host)
        text = CODE.replace("{url}", host.url)
        run = make_run(make_version(text))
        answer(open_wait(run))
        run = finish(run)

    assert run.status == "completed", run.error_sentence
    assert [(each.method, each.path) for each in host.asked] == [
        ("GET", "/claims"),
        ("POST", "/pay"),
    ]
    assert json.loads(host.asked[1].body) == {"claim": 1}


def test_of_many_each_is_approved_by_itself(in_acme: Tenant) -> None:
    require("operator")
    with ScriptedModel() as model, running_executor():
        make_model_group(model.base_url)
        body = [llm("say", "Hello {{ item }}")]
        run = make_run(
            publish(for_each("all", body, "{{ say }}", "start"), result("{{ all }}", "all")),
            items=["a", "b"],
        )
        asked = Wait.objects.filter(run=run)
        wait_until(lambda: asked.count() == 2 and Run.objects.get(pk=run.pk).status == "waiting")
        one, other = asked.order_by("node_id")
        assert one.action_digest != other.action_digest
        answer(one)
        wait_until(lambda: len(model.prompts) == 1)
        answer(other, "refused")
        run = finish(run)

    assert len(model.prompts) == 1
    assert run.status == "failed"
    refused = NodeExecution.objects.get(run=run, node_id=other.node_id)
    assert (refused.status, refused.error_code) == ("failed", "approval_refused")
