"""Tool calls through the governed door: a real policy, real commits, and a host that counts what reaches it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from compliance.labels import DataClass
from runs import payloads
from runs.cancel import cancel
from runs.models import Decision, NodeExecution, Run, RunEvent, RunFacts, ToolCall, Worker
from runs.records import check_record
from runs.resume import resume
from tenancy import actors, secret_store
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_program
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
from tests.runs.scripted_host import Asked, Reply, ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import llm, publish, result
from workflows import destinations, storage_profiles
from workflows.models import Destination, StorageProfile, StoredObject

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ASK = (
    definitions.HEAD
    + """  - {{id: ask, kind: tool, title: Ask, after: [start], tool: http_request,
     arguments: {arguments}, idempotent: {idempotent}}}
  - {{id: result, kind: output, title: Result, after: [ask], value: {{said: "{{{{ ask }}}}"}}}}
"""
)


def make_destination(host: ScriptedHost, **facts: Any) -> Destination:
    known = {
        "name": "crm",
        "scheme": "http",
        "host": "127.0.0.1",
        "port": host.port,
        "egress": "internal",
        "region": "eu",
        "methods": ["GET", "POST"],
        "clearance": int(DataClass.RESTRICTED),
    }
    return destinations.create(by=actors.SYSTEM, **(known | facts))


def make_profile(name: str = "files", **facts: Any) -> StorageProfile:
    known: dict[str, Any] = {"clearance": DataClass.RESTRICTED, "region": "eu"}
    return storage_profiles.create(name=name, by=actors.SYSTEM, **(known | facts))


def asking(idempotent: bool = False, **arguments: Any) -> str:
    text = ASK.replace("{arguments}", json.dumps(arguments).replace("{", "{{").replace("}", "}}"))
    return text.replace("{idempotent}", str(idempotent).lower())


def trusted(text: str) -> str:
    """The same workflow with an input that has no room for instructions, so that effects need nobody's word."""
    return text.replace("kind: input,", "kind: input, labels: {{integrity: endorsed}},")


def decisions_of(run: Run) -> list[tuple[str, str]]:
    return list(Decision.objects.filter(run=run).values_list("verdict", "code"))


def events_of(run: Run) -> list[str]:
    names = RunEvent.objects.filter(run=run, name__startswith="tool.").order_by("seq")
    return list(names.values_list("name", flat=True))


def test_a_call_leaves_a_whole_record(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        version = make_version(asking(url=host.url + "/claims/{{ start.n }}"))
        run = execute(make_run(version, n=7))

    assert run.status == "completed", run.error_sentence
    (asked,) = host.asked
    assert (asked.method, asked.path) == ("GET", "/claims/7")
    call = ToolCall.objects.get(run=run)
    assert (call.node_id, call.tool, call.destination) == ("ask", "http_request", "crm")
    assert (call.status, call.effect, call.idempotent) == ("completed", "read", False)
    assert call.decision.verdict == "allow"
    assert call.decision.resource_id == "http_request:crm"
    assert call.finished_at >= call.started_at
    assert payloads.open_payload(call, "response_sealed") == {
        "status": 200,
        "content_type": "application/json",
        "json": {"path": "/claims/7"},
    }
    assert payloads.open_payload(call, "request_sealed")["arguments"]["url"].endswith("/claims/7")
    assert len(call.result_digest) == len(call.request_digest) == 64
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.tools_used, facts.destinations) == (["http_request"], ["crm/eu"])
    assert (facts.calls, facts.model_calls, facts.in_flight) == (1, 0, 0)
    assert events_of(run) == ["tool.requested", "tool.completed"]


def test_what_comes_back_is_labelled(in_acme: Tenant) -> None:
    reply = Reply(body=json.dumps({"mail": "jane.roe@example.org"}))
    with ScriptedHost(lambda asked: reply) as host:
        make_destination(host, answer_class=int(DataClass.CONFIDENTIAL))
        run = execute(make_run(make_version(asking(url=host.url))))

    labels = NodeExecution.objects.get(run=run, node_id="ask").labels
    assert labels["data_class"] == "confidential"
    assert labels["integrity"] == "untrusted"
    assert "PII" in labels["tags"]
    assert "destination:crm" in labels["origins"]
    assert RunFacts.objects.get(root_run=run).max_class == DataClass.CONFIDENTIAL


# -- refused ------------------------------------------------------------------------------------------------------


def test_a_host_that_nobody_declared_is_refused_on_record(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        run = execute(make_run(make_version(asking(url=host.url))))

    assert (run.status, run.error_code) == ("failed", "destination_unknown")
    assert "127.0.0.1" in run.error_sentence
    assert decisions_of(run) == [("deny", "destination_undeclared")]
    assert "127.0.0.1" not in json.dumps(Decision.objects.get(run=run).action)
    assert host.asked == []
    assert not ToolCall.objects.filter(run=run).exists()


def test_the_destination_of_another_tenant_is_none(acme: Tenant, beta: Tenant) -> None:
    with ScriptedHost() as host:
        with tenant_context(beta):
            make_destination(host)
        with tenant_context(acme):
            run = execute(make_run(make_version(asking(url=host.url))))

            assert run.error_code == "destination_unknown"
            assert host.asked == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"enabled": False}, "destination_disabled"),
        ({"methods": ["POST"]}, "method_refused"),
    ],
)
def test_a_destination_is_asked_only_as_it_allows(
    in_acme: Tenant, facts: dict[str, Any], code: str
) -> None:
    with ScriptedHost() as host:
        make_destination(host, **facts)
        run = execute(make_run(make_version(asking(url=host.url))))

    assert run.error_code == code
    assert decisions_of(run) == [("deny", "destination_undeclared")]
    assert host.asked == []


def test_a_class_above_the_clearance_is_denied(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host, clearance=int(DataClass.PUBLIC))
        run = execute(make_run(make_version(asking(url=host.url + "/{{ start.n }}"))))

    assert run.error_code == "denied"
    assert decisions_of(run) == [("deny", "data_class_too_high")]
    assert "http_request:crm may see at most public data; this is internal." in run.error_sentence
    assert host.asked == []


def test_arguments_that_do_not_fit_fail_with_their_place(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        run = execute(make_run(make_version(asking(url="{{ start }}"))))

    assert run.error_code in ("tool_arguments_invalid", "tool_bad_request")
    assert host.asked == []


# -- secrets ------------------------------------------------------------------------------------------------------


def test_a_secret_goes_into_its_header_and_into_no_record(in_acme: Tenant) -> None:
    secret_store.put(name="crm-key", value="s3cret-value", by=actors.SYSTEM)
    echo = lambda asked: Reply(body=json.dumps({"you": asked.headers["authorization"]}))  # noqa: E731
    with ScriptedHost(echo) as host:
        make_destination(host, secret_name="crm-key")
        run = execute(make_run(make_version(asking(url=host.url))))

    assert run.status == "completed", run.error_sentence
    assert host.asked[0].headers["authorization"] == "Bearer s3cret-value"
    call = ToolCall.objects.get(run=run)
    told = json.dumps(
        [
            payloads.open_payload(call, "request_sealed"),
            payloads.open_payload(call, "response_sealed"),
            [entry.facts for entry in LedgerEntry.objects.all()],
            [event.body for event in RunEvent.objects.filter(run=run)],
        ]
    )
    assert "s3cret-value" not in told
    assert "[SECRET]" in told


def test_a_definition_cannot_send_the_headers_of_the_house(in_acme: Tenant) -> None:
    secret_store.put(name="crm-key", value="s3cret-value", by=actors.SYSTEM)
    with ScriptedHost() as host:
        make_destination(host, secret_name="crm-key")
        version = make_version(asking(url=host.url, headers={"authorization": "Bearer mine"}))
        run = execute(make_run(version))

    assert run.error_code == "tool_bad_request"
    assert host.asked == []


# -- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=404), "tool_not_found"),
        (Reply(status=401), "tool_auth"),
        (Reply(status=429), "tool_rate_limited"),
        (Reply(status=500), "tool_server"),
        (Reply(status=400), "tool_bad_request"),
        (Reply(body="not json"), "tool_malformed"),
        (Reply(body=b"\xff\xfe", headers={"Content-Type": "text/plain"}), "tool_malformed"),
        (Reply(status=302, headers={"Location": "http://example.org/"}), "tool_redirect"),
    ],
)
def test_each_failure_has_its_code(in_acme: Tenant, reply: Reply, code: str) -> None:
    with ScriptedHost(lambda asked: reply) as host:
        make_destination(host)
        run = execute(make_run(make_version(asking(url=host.url))))

    assert (run.status, run.error_code) == ("failed", code)
    call = ToolCall.objects.get(run=run)
    assert (call.status, f"tool_{call.error_kind}") == ("failed", code)
    assert RunFacts.objects.get(root_run=run).in_flight == 0
    assert events_of(run) == ["tool.requested", "tool.failed"]
    assert len(host.asked) == 1


# -- effects ------------------------------------------------------------------------------------------------------


def test_an_effect_without_a_clear_answer_waits_for_a_person(in_acme: Tenant) -> None:
    replies = iter([Reply(status=500), Reply()])
    arguments = {"method": "POST", "json": {"n": 1}}
    with ScriptedHost(lambda asked: next(replies)) as host:
        make_destination(host)
        text = trusted(asking(url=host.url, **arguments))
        run = execute(make_run(make_version(text)))
        before = (run.status, run.error_code)
        resume(run=run, by=actors.SYSTEM)
        done = execute(run)

    assert before == ("failed", "tool_outcome_unknown")
    assert done.status == "completed"
    keys = [asked.headers["idempotency-key"] for asked in host.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_an_interrupted_effect_is_not_repeated_until_somebody_resumes(in_acme: Tenant) -> None:
    run, host_asked = lose_a_worker_in_a_call(idempotent=False)

    assert (run.status, run.error_code) == ("failed", "interrupted")
    assert "resuming the run repeats it" in run.error_sentence
    assert len(host_asked) == 1
    assert RunFacts.objects.get(root_run=run).in_flight == 0


def test_an_answer_that_came_late_is_used_once_somebody_resumes(in_acme: Tenant) -> None:
    run, host_asked = lose_a_worker_in_a_call(idempotent=False)
    call = ToolCall.objects.get(run=run)
    resume(run=run, by=actors.SYSTEM)
    run = execute(run)

    assert call.status == "late"
    assert run.status == "completed", run.error_sentence
    assert len(host_asked) == 1
    assert events_of(run)[-1] == "tool.reused"


def test_an_idempotent_effect_is_repeated_with_the_same_key(in_acme: Tenant) -> None:
    run, host_asked = lose_a_worker_in_a_call(idempotent=True)

    assert run.status == "completed", run.error_sentence
    keys = {asked.headers["idempotency-key"] for asked in host_asked}
    assert (len(host_asked), len(keys)) == (2, 1)
    assert [call.status for call in ToolCall.objects.filter(run=run)] == ["late", "completed"]


@contextmanager
def waiting_host() -> Iterator[tuple[ScriptedHost, threading.Event]]:
    """A host that answers its first request when it is told to, and all others at once."""
    may_answer = threading.Event()

    def script(asked: Asked) -> Reply:
        if len(host.asked) == 1:
            may_answer.wait(PATIENCE_SECONDS)
        return Reply()

    with ScriptedHost(script) as host:
        yield host, may_answer


def test_what_was_lost_beside_an_unclear_effect_is_tried_again_when_the_run_is_resumed(
    in_acme: Tenant,
) -> None:
    """The unclear effect ends the run; the node beside it was only lost, and did not fail by itself."""
    with waiting_host() as (host, may_answer), ScriptedModel(seconds=0.5) as model:
        make_destination(host)
        make_model_group(model.base_url)
        # Nothing of the input is in it, and nothing that a policy would ask a person about.
        arguments = {"method": "POST", "url": host.url, "json": {"n": 1}}
        act = {"id": "act", "kind": "tool", "tool": "http_request", "after": ["start"]}
        say = llm("say", "Hello", "start", on_failure="continue", fallback={"text": "lost"})
        version = publish(
            act | {"arguments": arguments}, say, result("{{ say.text }}", "act", "say")
        )
        run = make_run(version)
        with running_executor() as executor:
            wait_until(lambda: len(host.asked) == 1 and len(model.prompts) == 1)
            Worker.objects.filter(pk=executor.worker.pk).delete()  # taken for dead
            failed = finish(run)
            resume(run=run, by=actors.SYSTEM)
            may_answer.set()
            done = finish(run)

    assert failed.error_code == "interrupted"
    codes = NodeExecution.objects.filter(run=run, node_id="say").order_by("attempt")
    assert list(codes.values_list("error_code", flat=True)) == ["worker_lost", ""]
    assert (done.status, payloads.open_payload(done, "output_sealed")) == (
        "completed",
        "echo: Hello",
    )


def lose_a_worker_in_a_call(*, idempotent: bool) -> tuple[Run, list[Asked]]:
    """A run whose worker is taken for dead while the host thinks; the answer then comes too late."""
    with waiting_host() as (host, may_answer):
        make_destination(host)
        arguments = {"method": "POST", "url": host.url, "json": {"n": 1}}
        run = make_run(make_version(trusted(asking(idempotent=idempotent, **arguments))))
        with running_executor() as executor:
            wait_until(lambda: len(host.asked) == 1)
            Worker.objects.filter(pk=executor.worker.pk).delete()  # taken for dead
            done = finish(run)
            calls = [(call.status, call.error_kind) for call in ToolCall.objects.filter(run=run)]
            assert calls[0] == ("interrupted", "worker_lost")
            may_answer.set()
            wait_until(ToolCall.objects.filter(run=run, status="late").exists)
    return done, host.asked


def test_an_effect_that_was_had_is_not_had_again(in_acme: Tenant) -> None:
    """The code fails after its call; tried again, it gets the recorded answer, and the host is not asked."""
    text = (
        definitions.HEAD
        + """  - id: work
    kind: code
    title: Work
    after: [start]
    may_call: [http_request]
    inputs: {{url: "{url}"}}
    code: |
      said = http_request(method="POST", url=url, json={{"n": 1}})
      said["json"]["missing"]
  - {{id: result, kind: output, title: Result, after: [work], value: 1}}
"""
    )
    with ScriptedHost() as host:
        make_destination(host)
        run = execute(make_run(make_version(trusted(text.replace("{url}", host.url)))))
        before = run.error_code
        resume(run=run, by=actors.SYSTEM)
        run = execute(run)

    assert (before, run.error_code) == ("code_error", "code_error")
    assert len(host.asked) == 1
    assert "tool.reused" in events_of(run)


# -- storage ------------------------------------------------------------------------------------------------------

KEEP = (
    definitions.HEAD
    + """  - {{id: keep, kind: tool, title: Keep, after: [start], tool: store_write,
     arguments: {{store: files, key: letters/1, json: {{text: "{{{{ start.text }}}}"}}}}}}
  - {{id: look, kind: tool, title: Look, after: [keep], tool: store_read,
     arguments: {{store: files, key: "{{{{ keep.key }}}}"}}}}
  - {{id: result, kind: output, title: Result, after: [look], value: "{{{{ look.json.text }}}}"}}
"""
)


def test_an_object_is_kept_sealed_and_read_again(in_acme: Tenant) -> None:
    make_profile()
    version = make_version(KEEP)
    run = execute(make_run(version, n=1, text="for the file"))
    again = execute(make_run(version, n=1, text="for the file, too"))

    assert (run.status, again.status) == ("completed", "completed")
    assert payloads.open_payload(run, "output_sealed") == "for the file"
    assert list(StoredObject.objects.values_list("key", "number")) == [
        ("letters/1", 2),
        ("letters/1", 1),
    ]
    assert events_of(run) == ["tool.requested", "tool.completed"] * 2


IN_TURN = (
    definitions.HEAD
    + """  - {{id: one, kind: tool, title: One, after: [start], on_failure: continue, {first}}}
  - {{id: two, kind: tool, title: Two, after: [one], on_failure: continue, {second}}}
  - {{id: result, kind: output, title: Result, after: [two], value: 1}}
"""
)
READ = 'tool: store_read, arguments: {{store: files, key: "letters/1"}}'
SEND = 'tool: http_request, arguments: {{url: "https://localhost/"}}'


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(READ, SEND, "restricted_external_send"), (SEND, READ, "allowed")],
)
def test_nothing_is_sent_out_after_restricted_data_was_read(
    in_acme: Tenant, first: str, second: str, code: str
) -> None:
    """Row I2: denied in that order, allowed in the reverse."""
    make_profile()
    kept = KEEP.replace("data_class: internal", "data_class: restricted")
    assert execute(make_run(make_version(kept), n=1, text="secret")).status == "completed"
    destinations.create(name="world", host="localhost", by=actors.SYSTEM)
    text = IN_TURN.replace("{first}", first).replace("{second}", second)
    run = execute(make_run(make_version(text)))

    decision = Decision.objects.get(run=run, resource_id="http_request:world")
    assert decision.code == code
    assert decision.facts["tools_used"] == (["store_read"] if first == READ else [])


def test_a_name_outside_that_leads_inside_is_not_called(in_acme: Tenant) -> None:
    destinations.create(name="world", host="localhost", by=actors.SYSTEM)
    run = execute(make_run(make_version(asking(url="https://localhost/"))))

    assert run.error_code == "tool_address"
    assert ToolCall.objects.get(run=run).error_kind == "address"


# -- given up -----------------------------------------------------------------------------------------------------

IN_CODE = (
    definitions.HEAD
    + """  - id: work
    kind: code
    title: Work
    after: [start]
    timeout_seconds: 3
    retry: {{attempts: 3, wait_seconds: 0}}
    may_call: [http_request]
    inputs: {{url: "{url}"}}
    code: |
      http_request(method="POST", url=url, json={{"n": 1}})
      1
  - {{id: result, kind: output, title: Result, after: [work], value: 1}}
"""
)


def test_an_attempt_that_was_given_up_in_a_call_is_not_followed_by_the_same_call(
    in_acme: Tenant,
) -> None:
    with waiting_host() as (host, may_answer):
        make_destination(host)
        text = trusted(IN_CODE.replace("{url}", host.url))
        with running_executor():
            run = finish(make_run(make_version(text)))
            left = ToolCall.objects.get(run=run)
            may_answer.set()
            wait_until(lambda: ToolCall.objects.get(run=run).status == "late")

    assert (left.status, left.error_kind) == ("interrupted", "given_up")
    assert (run.status, run.error_code) == ("failed", "interrupted")
    assert len(host.asked) == 1
    codes = NodeExecution.objects.filter(run=run, node_id="work").order_by("attempt")
    assert list(codes.values_list("error_code", flat=True)) == ["timeout", "interrupted"]


def test_a_call_under_way_when_its_run_is_cancelled_is_recorded_late(in_acme: Tenant) -> None:
    with waiting_host() as (host, may_answer):
        make_destination(host)
        run = make_run(make_version(asking(url=host.url)))
        with running_executor():
            wait_until(lambda: len(host.asked) == 1)
            cancel(run=run, by=actors.SYSTEM)
            left, in_flight = (
                ToolCall.objects.get(run=run),
                RunFacts.objects.get(root_run=run).in_flight,
            )
            may_answer.set()
            wait_until(lambda: ToolCall.objects.get(run=run).status == "late")

    # As it stays where the worker does not live to tell of an answer.
    assert (left.status, left.error_kind, in_flight) == ("interrupted", "cancelled", 0)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert RunFacts.objects.get(root_run=run).in_flight == 0
    record = check_record(run)
    assert record is not None
    assert record.holds


# -- the API ------------------------------------------------------------------------------------------------------


def test_tool_calls_are_shown_to_those_who_may_see_them(in_acme: Tenant, beta: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        run = execute(make_run(make_version(asking(url=host.url + "/x"))))
    bob = make_program(make_member(tenant=in_acme, role=Role.OPERATOR))
    carol = make_client(make_member(tenant=in_acme, role=Role.AUDITOR))
    mallory = make_program(make_member(tenant=beta, role=Role.OPERATOR))
    path = f"/api/v1/runs/{run.pk}/tool-calls"

    (shown,) = bob.get(path).json()["items"]
    assert (shown["node"], shown["tool"], shown["status"]) == ("ask", "http_request", "completed")
    content = bob.get(f"{path}/{shown['id']}/payload").json()
    assert content["response"]["json"] == {"path": "/x"}
    assert carol.get(path).status_code == 200
    assert carol.get(f"{path}/{shown['id']}/payload").status_code == 403
    assert mallory.get(path).status_code == 404
    assert mallory.get(f"{path}/{shown['id']}/payload").status_code == 404
