"""What the policy says of tool calls is done, what they leave behind can be checked, and disposed of."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from compliance import disposal, policies
from compliance.policy import rules
from runs import payloads
from runs.models import Decision, NodeExecution, Run, RunFacts, ToolCall
from runs.records import check_record
from tenancy import actors
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import execute, make_run, make_version
from tests.runs.scripted_host import Reply, ScriptedHost
from tests.runs.test_tool_calls import (
    KEEP,
    asking,
    decisions_of,
    make_destination,
    make_profile,
    trusted,
)
from workflows import stores
from workflows.errors import StoreFull
from workflows.models import StoredObject

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

SECRET = "AKIAIOSFODNN7EXAMPLE"
RETRIED = "kind: tool, retry: {{attempts: 3, wait_seconds: 0, on: [store_full]}},"


def labelled(text: str, labels: str) -> str:
    return text.replace("kind: input,", f"kind: input, labels: {{{{{labels}}}}},")


def stored_files(tenant: Tenant) -> list[Path]:
    root = Path(settings.STATE_DIR) / "stores" / str(tenant.pk)
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_a_policy_has_masked_is_what_is_sent_and_recorded(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        text = asking(url=host.url, method="POST", text="Key: {{ start.text }}")
        text = labelled(text, "tags: [SECRET], integrity: endorsed")
        run = execute(make_run(make_version(text), n=1, text=SECRET))

    assert run.status == "completed", run.error_sentence
    assert decisions_of(run) == [("modify", "modify"), ("allow", "allowed")]
    assert SECRET not in host.asked[0].body
    sent = payloads.open_payload(ToolCall.objects.get(run=run), "request_sealed")
    assert SECRET not in json.dumps(sent)


def test_data_that_must_stay_in_a_place_is_sent_to_no_other(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host, region="us")
        text = labelled(asking(url=host.url + "/{{ start.n }}"), "residency: [eu]")
        run = execute(make_run(make_version(text)))

    assert decisions_of(run) == [("deny", "residency")]
    assert host.asked == []


def test_no_policy_lets_a_call_go_where_nothing_is_declared(in_acme: Tenant) -> None:
    everything = '@id("all") @title("Everything") permit (principal, action, resource);'
    with ScriptedHost() as host:
        version = make_version(asking(url=host.url))
        snapshot = policies.create(hard=everything, obligations="", by=actors.SYSTEM)
        policies.activate(snapshot=snapshot, by=actors.SYSTEM)
        run = execute(make_run(version))

    assert decisions_of(run) == [("deny", "destination_unknown")]
    assert run.error_code == "destination_unknown"
    assert host.asked == []


def test_a_tenant_may_forbid_a_tool_by_name(in_acme: Tenant) -> None:
    texts = rules.default_texts()
    forbid = (
        '@id("no.http") @code("http_forbidden") @reason("{destination} is closed.") '
        'forbid (principal, action == Grove::Action::"ToolCall", resource) '
        'when { resource.tool == "http_request" && resource.effect == "read" };'
    )
    with ScriptedHost() as host:
        make_destination(host)
        version = make_version(asking(url=host.url))
        snapshot = policies.create(
            hard=texts.hard + forbid, obligations=texts.obligations, by=actors.SYSTEM
        )
        policies.activate(snapshot=snapshot, by=actors.SYSTEM)
        run = execute(make_run(version))

    assert (run.error_code, run.error_sentence) == ("denied", "crm is closed.")


def test_a_store_that_is_not_there_or_switched_off_is_refused(in_acme: Tenant) -> None:
    version = make_version(KEEP)
    missing = execute(make_run(version, n=1, text="x"))
    make_profile(enabled=False)
    off = execute(make_run(version, n=1, text="x"))

    assert (missing.error_code, off.error_code) == ("storage_unknown", "storage_disabled")
    assert decisions_of(off) == [("deny", "destination_undeclared")]
    assert not StoredObject.objects.exists()


def test_a_full_disk_fails_the_node_and_leaves_nothing(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    make_profile()
    run = make_run(make_version(KEEP), n=1, text="x")
    monkeypatch.setattr(os, "fsync", full)
    run = execute(run)

    assert (run.status, run.error_code) == ("failed", "tool_store_full")
    assert stored_files(in_acme) == []


def test_the_record_of_a_run_holds_its_tool_calls(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        run = execute(make_run(make_version(asking(url=host.url))))
    untouched = check_record(run)
    ToolCall.objects.filter(run=run).update(result_digest="0" * 64)
    tampered = check_record(run)

    assert untouched is not None
    assert untouched.holds
    assert tampered is not None
    assert not tampered.holds


@pytest.mark.parametrize("megabytes", [1, 9])
def test_a_large_answer_goes_to_the_store_and_with_its_run(in_acme: Tenant, megabytes: int) -> None:
    body = json.dumps({"noise": os.urandom(megabytes * 500_000).hex()})
    with ScriptedHost(lambda asked: Reply(body=body)) as host:
        make_destination(host)
        run = execute(make_run(make_version(asking(url=host.url))))

    assert run.status == "completed", run.error_sentence
    call = ToolCall.objects.get(run=run)
    assert len(call.response_sealed or b"") < 2_000_000
    assert payloads.open_payload(call, "response_sealed")["json"] == json.loads(body)
    dispose(run)
    assert stored_files(in_acme) == []
    call.refresh_from_db()
    assert (call.request_sealed, call.response_sealed) == (None, None)


def test_what_a_run_kept_goes_with_it(in_acme: Tenant) -> None:
    make_profile()
    run = execute(make_run(make_version(KEEP), n=1, text="for the file"))
    before = len(stored_files(in_acme))
    planned = dispose(run)

    assert before == 1
    assert planned["stored_object"] == 1
    assert stored_files(in_acme) == []
    assert not StoredObject.objects.exists()


def dispose(run: Run) -> dict[str, int]:
    plan = disposal.plan(kind="run", target_id=run.pk, by=actors.SYSTEM)
    disposal.execute(plan_id=plan.pk, by=actors.SYSTEM, legal_basis="gdpr_17_1_a", reason="Test.")
    counts: dict[str, int] = plan.counts
    return counts


CODE = (
    definitions.HEAD
    + """  - id: work
    kind: code
    title: Work
    after: [start]
    may_call: [store_write, store_read]
    inputs: {{text: "{{{{ start.text }}}}"}}
    code: |
      made = store_write(store="files", key="notes/1", text=text)
      said = store_read(store="files", key="notes/1", version=made["version"])
      {{"said": said["text"], "version": made["version"]}}
  - {{id: result, kind: output, title: Result, after: [work], value: "{{{{ work }}}}"}}
"""
)


def test_code_reaches_the_world_through_the_same_door(in_acme: Tenant) -> None:
    make_profile()
    run = execute(make_run(make_version(CODE), n=1, text="a note"))

    assert run.status == "completed", run.error_sentence
    assert payloads.open_payload(run, "output_sealed") == {"said": "a note", "version": 1}
    assert [call.tool for call in ToolCall.objects.filter(run=run)] == ["store_write", "store_read"]
    assert len({call.idempotency_key for call in ToolCall.objects.filter(run=run)}) == 2
    assert Decision.objects.filter(run=run).count() == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("while True:\n        pass", "code_time"),
        ("'a' * 10**10", "code_memory"),
    ],
)
def test_code_that_eats_time_or_memory_fails_its_node_alone(
    in_acme: Tenant, code: str, kind: str
) -> None:
    text = (
        definitions.HEAD
        + """  - id: work
    kind: code
    title: Work
    after: [start]
    limits: {{seconds: 0.3, memory_mb: 20}}
    code: |
      {code}
  - {{id: result, kind: output, title: Result, after: [work], value: 1}}
"""
    )
    run = execute(make_run(make_version(text.replace("{code}", code))))

    assert (run.status, run.error_code) == ("failed", kind)
    assert NodeExecution.objects.get(run=run, node_id="work").error_code == kind


def test_a_trusted_effect_needs_nobodys_word(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        made: dict[str, Any] = {"method": "POST", "json": {"n": "{{ start.n }}"}}
        run = execute(make_run(make_version(trusted(asking(url=host.url, **made)))))

    assert run.status == "completed", run.error_sentence
    assert host.asked[0].body == '{"n":1}'


def test_an_effect_whose_answer_cannot_be_kept_was_had_all_the_same(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any, **named: Any) -> str:
        raise StoreFull

    body = json.dumps({"noise": os.urandom(1_000_000).hex()})
    with ScriptedHost(lambda asked: Reply(body=body)) as host:
        make_destination(host)
        text = trusted(asking(url=host.url, method="POST", json={"n": 1}))
        run = make_run(make_version(text.replace("kind: tool,", RETRIED)))
        with monkeypatch.context() as patch:
            patch.setattr(stores, "put", full)
            run = execute(run)
        asked = len(host.asked)

    assert (run.status, run.error_code, asked) == ("failed", "interrupted", 1)
    call = ToolCall.objects.get(run=run)
    assert (call.status, call.error_kind, call.response_sealed) == ("completed", "store_full", None)
    assert RunFacts.objects.get(root_run=run).in_flight == 0
    codes = NodeExecution.objects.filter(run=run, node_id="ask").order_by("attempt")
    assert list(codes.values_list("error_code", flat=True)) == ["store_full", "interrupted"]
