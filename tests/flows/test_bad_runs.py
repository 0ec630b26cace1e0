"""What goes wrong within a run, or is done wrongly to one: the error says what and where, and the record is whole.

Bad input before there is a run: test_bad_input.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from runs.models import ModelCall, NodeExecution, Run, RunEvent, RunFacts, Wait
from runs.records import check_record
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests.flows.test_bad_input import client_of, post
from tests.runs import definitions
from tests.runs.making import (
    execute,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import Node, callback, for_each, llm, publish, refine, result, transform
from tests.runs.test_api_waits import addresses, outside  # noqa: F401 - a fixture
from tests.runs.test_fork import dispose
from workflows.errors import DefinitionInvalid

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

IMPORTS, RUNS = "/api/v1/workflows", "/api/v1/runs"
SUMMED_UP = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A node that cannot come to a good end, and what is said of it."""

    node: Node
    code: str
    words: str
    run_input: Callable[[], dict[str, Any]] = lambda: {"n": 1}


def code(text: str, **limits: Any) -> Node:
    return {"id": "it", "kind": "code", "after": ["start"], "code": text, "limits": limits}


NEVER = {"left": "{{ draft }}", "op": "<", "right": 0}
BAD = {
    "a for-each over a million": Bad(
        node=for_each("it", [transform("one", "item")], "{{ one }}", "start"),
        run_input=lambda: {"items": [0] * 1_000_000},
        code="too_many_items",
        words="1,000,000",
    ),
    "a refine without end": Bad(
        node=refine("it", [transform("draft", "round")], "start", accept=NEVER, value=1, rounds=20),
        code="refine_exhausted",
        words="20",
    ),
    "code that takes memory": Bad(
        node=code("a = []\nwhile True:\n    a.append('x' * 10_000)", memory_mb=8, seconds=20),
        code="code_memory",
        words="memory",
    ),
    "code that takes memory at once": Bad(
        node=code("'a' * 10**9", memory_mb=8), code="code_memory", words="memory"
    ),
    "code that takes time": Bad(
        node=code("while True:\n    pass", seconds=0.2), code="code_time", words="longer"
    ),
    "code without end in itself": Bad(
        node=code("def f(n):\n    return f(n + 1)\nf(0)"), code="code_recursion", words="too often"
    ),
    "an output that breaks its schema": Bad(
        node=llm("it", "sum {{ start.n }}", "start", output=SUMMED_UP),
        code="output_schema_mismatch",
        words="sum",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_node_that_cannot_end_well_ends_with_its_reason(in_acme: Tenant, name: str) -> None:
    bad = BAD[name]
    with ScriptedModel(lambda prompt: '{"sum": "seven"}') as model:
        make_model_group(model.base_url)
        version = publish(bad.node, result("{{ it }}", "it"))
        run = execute(make_run(version, **bad.run_input()))

    assert (run.status, run.error_node, run.error_code) == ("failed", "it", bad.code)
    assert bad.words in run.error_sentence
    assert run.error_sentence.endswith(".")
    row = NodeExecution.objects.get(run=run, node_id="it")
    assert (row.status, row.attempt, row.output_sealed) == ("failed", 1, None)
    assert not NodeExecution.objects.filter(run=run, node_id="result").exists()
    assert_whole(run)


def assert_whole(run: Run) -> None:
    """The record of a run that has ended, in every part."""
    run = Run.objects.get(pk=run.pk)
    assert run.finished_at
    rows = NodeExecution.objects.filter(run=run)
    assert not rows.filter(finished_at=None).exists()
    assert not rows.exclude(status="completed").filter(error_code="").exists()
    events = list(RunEvent.objects.filter(run=run).order_by("seq"))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-2].name in ("run.completed", "run.failed", "run.cancelled")
    assert events[-1].name == "end"
    told = [event.node_id for event in events if event.name in ("node.completed", "node.failed")]
    assert sorted(told) == sorted(rows.values_list("node_id", flat=True))
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.in_flight, facts.reserved_micros) == (0, 0)
    assert not Wait.objects.filter(run=run, answered_at=None, withdrawn_at=None).exists()
    record = check_record(run)
    assert record is not None
    assert record.holds


# -- refused before there is a version -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (
            refine("it", [transform("draft", "round")], "start", accept=NEVER, value=1, rounds=21),
            "20",
        ),
        (code("1", seconds=86_400), "seconds"),
        (code("1", memory_mb=100_000), "512"),
    ],
)
def test_a_limit_beyond_those_of_the_house_is_refused(
    in_acme: Tenant, node: Node, words: str
) -> None:
    with pytest.raises(DefinitionInvalid, match=words):
        publish(node, result("{{ it }}", "it"))


# -- done wrongly to a run --------------------------------------------------------------------------------------------


def test_a_callback_that_comes_twice_late_or_forged_changes_nothing(
    in_acme: Tenant,
    addresses: list[str],  # noqa: F811
) -> None:
    answered = make_run(publish(callback("it", "start"), result("{{ it }}", "it")))
    expiring = publish(callback("it", "start", expires_in_seconds=1), result("{{ it }}", "it"))
    client = outside(in_acme)

    def answer(address: str) -> Any:
        return client.post(f"/api/{address}", {"paid": True}, "application/json")

    with running_executor():
        wait_until(lambda: len(addresses) == 1)
        wait_until(lambda: Run.objects.get(pk=answered.pk).status == "waiting")
        forged = answer(addresses[0][:-1] + ("A" if addresses[0][-1] != "A" else "B"))
        first = answer(addresses[0])
    with tenant_context(in_acme):
        done = execute(answered)
        late_run = execute(make_run(expiring))
        before = [list(RunEvent.objects.filter(run=run).values()) for run in (done, late_run)]
    again, late = answer(addresses[0]), answer(addresses[1])

    assert (forged.status_code, forged.json()["code"]) == (404, "callback_unknown")
    assert first.status_code == 200
    assert (again.status_code, again.json()["code"]) == (409, "answer_refused")
    assert "already" in again.json()["detail"]
    assert (late.status_code, late.json()["code"]) == (409, "answer_refused")
    assert (done.status, late_run.status) == ("completed", "failed")
    assert (late_run.error_node, late_run.error_code) == ("it", "callback_expired")
    with tenant_context(in_acme):
        for run, events in zip((done, late_run), before, strict=True):
            assert list(RunEvent.objects.filter(run=run).values()) == events
            assert_whole(run)


def test_nothing_follows_from_a_run_that_was_disposed_of(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))
    bob = client_of(in_acme, Role.OPERATOR)
    with tenant_context(in_acme):
        dispose(run)
        before = ledger_of_runs()

    forked = post(bob, f"{RUNS}/{run.pk}/fork", {"at": "two"})
    replayed = post(bob, f"{RUNS}/{run.pk}/replay", {})

    assert (forked.status_code, forked.json()["code"]) == (409, "fork_refused")
    assert "disposed" in forked.json()["detail"]
    assert (replayed.status_code, replayed.json()["code"]) == (410, "evidence_disposed")
    with tenant_context(in_acme):
        assert Run.objects.count() == 1
        assert ledger_of_runs() == before
        assert_whole(run)


def ledger_of_runs() -> list[str]:
    told = LedgerEntry.objects.filter(event__startswith="run.").order_by("id")
    return list(told.values_list("event", flat=True))


def test_a_replay_without_its_evidence_names_what_is_missing(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK)))
    bob = client_of(in_acme, Role.OPERATOR)
    with tenant_context(in_acme):
        ModelCall.objects.filter(run=run, node_id="ask").update(response_sealed=None)

    refused = post(bob, f"{RUNS}/{run.pk}/replay", {})

    assert (refused.status_code, refused.json()["code"]) == (409, "evidence_incomplete")
    assert "ask" in refused.content.decode()
    with tenant_context(in_acme):
        assert Run.objects.count() == 1
        assert_whole(run)
