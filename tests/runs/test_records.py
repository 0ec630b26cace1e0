"""What pure nodes and model calls leave on record, also when they fail, are skipped, denied, cancelled or lost (D1).

Every kind there is, on a real worker: tests/flows/test_every_kind.py.
"""

from datetime import timedelta
from typing import Any

import pytest

from compliance.labels import DataClass
from runs import cancel, payloads
from runs.models import ModelCall, NodeExecution, Run, Worker
from tenancy import actors
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    finish,
    make_deployment,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel
from workflows import model_groups
from workflows.nodes import KINDS
from workflows.providers import register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

DEFINITION = (
    definitions.HEAD
    + """  - {{id: mask, kind: redact, title: Mask, after: [start], value: "{{{{ start.text }}}}"}}
  - {{id: ask, kind: llm, title: Ask, after: [mask], model_group: default, max_tokens: 20,
     prompt: "Read {{{{ mask.text }}}}"}}
  - id: route
    kind: condition
    title: Route
    after: [ask]
    cases:
      - {{branch: big, when: {{left: "{{{{ start.n }}}}", op: ">", right: 10}}}}
    otherwise: small
  - {{id: when_big, kind: transform, title: Big, after: ["route:big"], expression: "{{size: 'big'}}"}}
  - {{id: when_small, kind: transform, title: Small, after: ["route:small"], expression: "{{size: 'small'}}"}}
  - {{id: joined, kind: merge, title: Joined, after: [when_big, when_small], mode: object}}
  - {{id: result, kind: output, title: Result, after: [joined], value: "{{{{ joined }}}}"}}
"""
)
PURE_AND_MODEL = {"input", "redact", "llm", "condition", "transform", "merge", "output"}
TAIL = """  - {{id: result, kind: output, title: Result, after: [it], value: done}}
"""
FAILING = {
    # kind: (the node, its code, a word of its sentence)
    "redact": (
        '{{id: it, kind: redact, title: It, after: [start], value: "{{{{ start.text }}}}"}}',
        "reference_missing",
        "text",
    ),
    "llm": (
        "{{id: it, kind: llm, title: It, after: [start], model_group: default, prompt: hello}}",
        "model_bad_request",
        "HTTP 400",
    ),
    "condition": (
        """{{id: it, kind: condition, title: It, after: [start], otherwise: no, cases: [
     {{branch: yes, when: {{left: "{{{{ start.text }}}}", op: "==", right: x}}}}]}}""",
        "reference_missing",
        "text",
    ),
    "transform": (
        '{{id: it, kind: transform, title: It, after: [start], expression: "abs(start.text)"}}',
        "expression_failed",
        "abs",
    ),
    "output": (
        '{{id: it, kind: output, title: It, after: [start], value: "so: {{{{ start.text }}}}"}}',
        "reference_missing",
        "text",
    ),
}


def record_of(run: Run, node_id: str) -> NodeExecution:
    """The record of a node that ran once, checked for what every record has."""
    row = NodeExecution.objects.get(run=run, node_id=node_id)
    assert row.attempt == 1
    assert row.kind in KINDS
    assert row.worker
    assert row.started_at
    assert row.finished_at
    assert timedelta() <= row.finished_at - row.started_at < timedelta(seconds=PATIENCE_SECONDS)
    return row


def assert_says_why(row: NodeExecution, status: str, code: str) -> None:
    assert (row.status, row.error_code) == (status, code)
    assert row.error_sentence.endswith((".", ")"))
    assert (row.output_sealed, row.output_commitment) == (None, "")


def test_each_of_them_leaves_its_output_sealed(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: "an answer") as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(DEFINITION), n=20, text="from jane@example.org"))

    made: dict[str, Any] = {}
    for row in NodeExecution.objects.filter(run=run, status="completed"):
        record_of(run, row.node_id)
        assert len(row.output_commitment) == 64
        assert (row.error_code, row.error_sentence) == ("", "")
        assert row.labels
        made[row.kind] = payloads.open_payload(row, "output_sealed")
    assert set(made) == PURE_AND_MODEL
    assert made["input"] == {"n": 20, "text": "from jane@example.org"}
    assert made["redact"] == {"text": "from [EMAIL 1]", "found": {"EMAIL": 1}}
    assert made["llm"] == {"text": "an answer"}
    assert made["condition"]["branch"] == "big"
    assert made["output"] == made["merge"] == {"when_big": {"size": "big"}}
    assert record_of(run, "route").branch == "big"


def test_a_model_call_leaves_request_answer_usage_and_decision(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: "an answer") as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(DEFINITION), n=20, text="hello"))

    call = ModelCall.objects.get(run=run)
    assert payloads.open_payload(call, "request_sealed")["messages"][-1]["content"] == "Read hello"
    assert payloads.open_payload(call, "response_sealed") == {"text": "an answer"}
    assert (call.tokens_in, call.tokens_out, call.model_answered) == (10, 5, "scripted-1")
    assert call.decision.verdict == "allow"
    assert call.finished_at
    assert call.finished_at >= call.started_at
    asked = record_of(run, "ask")
    assert (asked.tokens_in, asked.tokens_out, asked.model) == (10, 5, "scripted-1")


def test_what_is_skipped_says_because_of_what(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: "an answer") as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(DEFINITION), n=20, text="hello"))

    row = record_of(run, "when_small")
    assert row.status == "skipped"
    assert row.skipped_because == {"node": "route", "needed": "small", "taken": "big"}
    assert row.output_sealed is None


@pytest.mark.parametrize("kind", FAILING)
def test_what_fails_says_why(in_acme: Tenant, kind: str) -> None:
    node, code, word = FAILING[kind]
    tail = "" if kind == "output" else TAIL
    if kind == "condition":
        tail = tail.replace("[it]", '["it:yes", "it:no"]')
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(f"{definitions.HEAD}  - {node}\n{tail}"), n=1))

    row = record_of(run, "it")
    assert_says_why(row, "failed", code)
    assert word in row.error_sentence
    assert (run.status, run.error_node, run.error_code) == ("failed", "it", code)
    assert run.error_sentence == row.error_sentence


def test_what_is_denied_says_why(in_acme: Tenant) -> None:
    text = definitions.TALK.replace("data_class: internal", "data_class: restricted")
    deployment = make_deployment("http://127.0.0.1:9/v1")
    model_groups.create(name="default", deployments=[deployment], by=actors.SYSTEM)
    version = make_version(text)
    register.change_deployment(
        deployment=deployment, clearance=int(DataClass.PUBLIC), by=actors.SYSTEM
    )
    run = execute(make_run(version))

    row = record_of(run, "ask")
    assert_says_why(row, "failed", "denied")
    assert deployment.name in row.error_sentence


def test_what_is_cancelled_says_so(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.5) as model:
        make_model_group(model.base_url)
        run = make_run(make_version(definitions.TALK))
        with running_executor():
            wait_until(lambda: len(model.prompts) == 1)
            cancel.cancel(run=run, by=actors.SYSTEM)

    assert_says_why(record_of(run, "ask"), "cancelled", "cancelled")


def test_what_was_lost_with_its_worker_says_so(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.5) as model:
        make_model_group(model.base_url)
        run = make_run(make_version(definitions.TALK))
        with running_executor() as executor:
            wait_until(lambda: len(model.prompts) == 1)
            Worker.objects.filter(pk=executor.worker.pk).delete()  # taken for dead
            finish(run)

    lost, repeated = NodeExecution.objects.filter(run=run, node_id="ask").order_by("attempt")
    assert_says_why(lost, "failed", "worker_lost")
    assert lost.finished_at
    assert (repeated.attempt, repeated.status) == (2, "completed")
    assert lost.worker != repeated.worker
