"""One workflow per kind of node on a real worker: the record that each leaves, however it ends (row D1), and every
event of a run on the wire, in order (row N1)."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from compliance.labels import DataClass
from runs import cancel, payloads, waits
from runs.models import Decision, ModelCall, NodeExecution, Run, RunClaim, RunEvent, ToolCall, Wait
from tenancy import actors
from tenancy.actors import Actor
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs.making import (
    PATIENCE_SECONDS,
    finish,
    make_deployment,
    make_model_group,
    make_run,
    wait_until,
)
from tests.runs.scripted_host import Reply, ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import (
    Node,
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
from tests.runs.test_tool_calls import make_destination
from workflows import model_groups
from workflows.nodes import KINDS
from workflows.providers import register

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ROB = Actor(kind="user", id="rob", name="Rob")
TRUSTED = {"id": "start", "kind": "input", "schema": {}, "labels": {"integrity": "endorsed"}}


@pytest.fixture(scope="module")
def worker(live_stack: "LiveStack") -> Iterator["LiveStack"]:
    live_stack.start_worker(1)
    yield live_stack
    live_stack.stop_all()


@dataclass
class Outside:
    """A model and a host that a test can make slow or broken."""

    model: ScriptedModel
    host: ScriptedHost
    model_fails: list[bool] = field(default_factory=list)


@pytest.fixture
def outside(in_acme: Tenant) -> Iterator[Outside]:
    fails: list[bool] = []
    model = ScriptedModel(lambda prompt: (400, "{}") if fails else "an answer")
    with model, ScriptedHost() as host:
        make_model_group(model.base_url)
        make_destination(host)
        yield Outside(model, host, fails)


# -- one definition per kind: the node is called `it` ----------------------------------------------------------------


def http(outside: Outside, **more: Any) -> Node:
    url = f"{outside.host.url}/here"
    return {"tool": "http_request", "arguments": {"url": url}} | more


def calling(outside: Outside) -> str:
    return f'http_request(url="{outside.host.url}/here", method="GET", timeout_seconds=20)\n7'


def low(*nodes: Node) -> Any:
    return publish(*nodes, result("done", nodes[-1]["id"]))


def built(kind: str, outside: Outside) -> list[Node]:
    """Nodes of which `it` is of this kind, and completes."""
    node = {"id": "it", "kind": kind, "after": ["start"]}
    case = [{"branch": "big", "when": {"left": "{{ start.n }}", "op": ">", "right": 10}}]
    ask = llm("ask", "ask {{ start.n }}")
    made: dict[str, Any] = {
        "redact": lambda: [node | {"value": "{{ start.text }}"}],
        "llm": lambda: [llm("it", "ask", "start")],
        "condition": lambda: [node | {"cases": case, "otherwise": "small"}],
        "transform": lambda: [transform("it", "{n: start.n}", "start")],
        "merge": lambda: [merge("it", "start")],
        "for_each": lambda: [for_each("it", [ask], "{{ ask.text }}", "start", items=[1, 2])],
        "refine": lambda: [
            refine(
                "it",
                [ask],
                "start",
                accept={"left": "{{ ask.text }}", "op": "==", "right": "an answer"},
                value="{{ ask.text }}",
            )
        ],
        "sub_workflow": lambda: [sub_workflow("it", low(llm("ask", "ask", "start")), "start")],
        "delay": lambda: [delay("it", 0.2, "start")],
        "callback": lambda: [callback("it", "start")],
        "approval": lambda: [approval("it", "start")],
        "tool": lambda: [node | http(outside)],
        "code": lambda: [node | {"code": calling(outside), "may_call": ["http_request"]}],
    }
    return made[kind]()  # type: ignore[no-any-return]


def started(kind: str, nodes: list[Node]) -> Run:
    after = "it:small" if kind == "condition" else "it"
    version = publish(nodes=[TRUSTED, *nodes, result("done", after)])
    return make_run(version, n=1, text="hello")


def record_of(run: Run, status: str, node_id: str = "it") -> NodeExecution:
    """The one attempt of a node, with all that every record has."""
    row = NodeExecution.objects.get(run=run, node_id=node_id)
    assert (row.status, row.attempt) == (status, 1)
    assert row.kind == (node_id if node_id in KINDS else row.kind)
    assert row.worker
    assert row.started_at
    assert row.finished_at
    assert row.finished_at >= row.started_at
    assert (row.waits_for, row.due_at) == (None, None)
    if status == "completed":
        assert len(row.output_commitment) == 64
        assert row.labels
        assert (row.error_code, row.error_sentence) == ("", "")
    else:
        assert row.error_code
        assert row.error_sentence.endswith((".", ")"))
        assert row.output_sealed is None
    return row


def answer(run: Run, verdict: str = "approved") -> None:
    """What a person or a system outside does when it is asked."""
    wait_until(lambda: Wait.objects.filter(run=run).exists())
    wait = Wait.objects.get(run=run)
    if wait.kind == "approval":
        waits.decide(wait=wait, verdict=verdict, reason="So.", by=ROB, role="reviewer")
    else:
        waits._take(wait, by=waits.OUTSIDE, verdict="", value={"paid": True})


WAITING = {"delay", "callback", "approval", "sub_workflow", "for_each", "refine"}
SLOW = {"llm", "tool", "code"}
AT_ONCE = {"input", "redact", "condition", "transform", "merge", "output"}


def test_every_kind_is_tried_here() -> None:
    assert set(KINDS) == WAITING | SLOW | AT_ONCE


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_completes(worker: "LiveStack", outside: Outside, kind: str) -> None:
    if kind in ("input", "output"):
        run = started(kind, [transform("it", "{n: start.n}", "start")])
    else:
        run = started(kind, built(kind, outside))
    if kind in ("callback", "approval"):
        answer(run)

    done = finish(run)

    assert done.status == "completed", done.error_sentence
    node = {"input": "start", "output": "result"}.get(kind, "it")
    row = record_of(run, "completed", node)
    assert row.kind == kind
    assert payloads.open_payload(row, "output_sealed") is not None
    names = RunEvent.objects.filter(run=run, node_id=node).values_list("name", flat=True)
    assert [names[0], names[len(names) - 1]] == ["node.started", "node.completed"]
    seqs = list(RunEvent.objects.filter(run=run).values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


def failing(kind: str, outside: Outside) -> tuple[list[Node], str]:
    """Nodes of which `it` fails, and the code it fails with."""
    node = {"id": "it", "kind": kind, "after": ["start"]}
    missing = {"left": "{{ start.none }}", "op": "==", "right": 1}
    bad = transform("bad", "abs(start.text)")
    made: dict[str, Any] = {
        "redact": ([node | {"value": "{{ start.none }}"}], "reference_missing"),
        "llm": ([llm("it", "ask", "start")], "model_bad_request"),
        "condition": (
            [node | {"cases": [{"branch": "big", "when": missing}], "otherwise": "small"}],
            "reference_missing",
        ),
        "transform": ([bad | {"id": "it", "after": ["start"]}], "expression_failed"),
        "for_each": ([for_each("it", [bad], "{{ bad }}", "start", items=[1])], "items_failed"),
        "refine": (
            [
                refine(
                    "it",
                    [transform("same", "round")],
                    "start",
                    accept={"left": "{{ same }}", "op": "<", "right": 0},
                    value="{{ same }}",
                )
            ],
            "refine_exhausted",
        ),
        "delay": (
            [{"id": "it", "kind": "delay", "after": ["start"], "until": "{{ start.text }}"}],
            "moment_unreadable",
        ),
        "callback": ([callback("it", "start", expires_in_seconds=1)], "callback_expired"),
        "approval": ([approval("it", "start")], "approval_refused"),
        "tool": ([node | http(outside)], "tool_not_found"),
        "code": ([node | {"code": "1 / 0"}], "code_error"),
    }
    return made[kind]  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"input", "output", "merge", "sub_workflow"}))
def test_a_kind_fails(worker: "LiveStack", outside: Outside, kind: str) -> None:
    outside.model_fails.append(True)
    outside.host.script = lambda asked: Reply(status=404)
    nodes, code = failing(kind, outside)
    run = started(kind, nodes)
    if kind == "approval":
        answer(run, "refused")

    done = finish(run)

    assert (done.status, done.error_node, done.error_code) == ("failed", "it", code)
    row = record_of(run, "failed")
    assert (row.kind, row.error_code) == (kind, code)
    assert done.error_sentence == row.error_sentence
    assert RunEvent.objects.filter(run=run, name="node.failed", node_id="it").count() == 1


def test_a_sub_workflow_fails_with_its_child(worker: "LiveStack", outside: Outside) -> None:
    outside.model_fails.append(True)
    run = started("sub_workflow", built("sub_workflow", outside))

    done = finish(run)

    assert (done.error_node, done.error_code) == ("it", "child_failed")
    record_of(run, "failed")
    child = Run.objects.get(parent_run=run)
    assert record_of(child, "failed", "ask").error_code == "model_bad_request"


def test_an_output_fails(worker: "LiveStack", outside: Outside) -> None:
    version = publish(nodes=[TRUSTED, result("so: {{ start.none }}", "start")])
    run = finish(make_run(version, n=1))

    assert (run.error_node, run.error_code) == ("result", "reference_missing")
    record_of(run, "failed", "result")


@pytest.mark.parametrize("kind", sorted(WAITING | SLOW))
def test_a_kind_is_cancelled(worker: "LiveStack", outside: Outside, kind: str) -> None:
    outside.model.seconds = outside.host.seconds = 1.0
    nodes = [delay("it", 60, "start")] if kind == "delay" else built(kind, outside)
    run = started(kind, nodes)
    under_way = NodeExecution.objects.filter(run=run, node_id="it")
    stands = "running" if kind in SLOW | {"for_each", "refine"} else "waiting"
    wait_until(under_way.filter(status=stands).exists)
    if kind in ("for_each", "refine"):
        wait_until(lambda: bool(outside.model.prompts))

    cancel.cancel(run=Run.objects.get(pk=run.pk), by=actors.SYSTEM)

    row = record_of(run, "cancelled")
    assert row.error_code == "cancelled"
    tree = [run, *Run.objects.filter(root_run=run)]
    told = {
        each.pk: names_of(each) for each in tree
    }  # before anything that was called has answered
    assert {tuple(names[-2:]) for names in told.values()} == {("run.cancelled", "end")}
    asked = Wait.objects.filter(run__in=tree)
    assert not asked.filter(answered_at=None, withdrawn_at=None).exists()
    assert not RunClaim.objects.filter(run_id__in=told, wanted=True).exists()
    wait_until(lambda: not ModelCall.objects.filter(run__in=tree, status="intended").exists())
    wait_until(lambda: not ToolCall.objects.filter(run__in=tree, status="intended").exists())
    assert {Run.objects.get(pk=each.pk).status for each in tree} == {"cancelled"}
    left = NodeExecution.objects.filter(run__in=tree).exclude(
        status__in=("completed", "cancelled", "skipped")
    )
    assert not left.exists()
    assert {each.pk: names_of(each) for each in tree} == told  # nothing came after its end


def names_of(run: Run) -> list[str]:
    return list(RunEvent.objects.filter(run=run).order_by("seq").values_list("name", flat=True))


@pytest.mark.parametrize("kind", ["llm", "tool", "code", "callback"])
def test_a_kind_is_denied(worker: "LiveStack", outside: Outside, kind: str) -> None:
    """Restricted data may not go where only public data is seen: the decision stands on record, and nothing left."""
    deployment = make_deployment(outside.model.base_url)
    model_groups.create(name="narrow", deployments=[deployment], by=actors.SYSTEM)
    with ScriptedHost() as host:
        make_destination(host, name="narrow", clearance=int(DataClass.PUBLIC))
        url = host.url + "/{{ start.n }}"
        narrow = {"tool": "http_request", "arguments": {"url": url}}
        node = {"id": "it", "kind": kind, "after": ["start"]}
        code = {"code": "http_request(url=url)", "inputs": {"url": url}}
        nodes: dict[str, Node] = {
            "llm": llm("it", "ask {{ start.n }}", "start", model_group="narrow"),
            "tool": node | narrow,
            "code": node | code | {"may_call": ["http_request"]},
            "callback": callback("it", "start", request=narrow),
        }
        whole = [TRUSTED, nodes[kind], result("done", "it")]
        version = publish(nodes=whole, data_class="restricted")
        register.change_deployment(  # what is unfit already is not published
            deployment=deployment, clearance=int(DataClass.PUBLIC), by=actors.SYSTEM
        )
        run = finish(make_run(version, n=1))

    assert (run.status, run.error_node) == ("failed", "it")
    assert record_of(run, "failed").error_code == "denied"
    decision = Decision.objects.get(run=run)
    assert (decision.node_id, decision.verdict) == ("it", "deny")
    assert (host.asked, outside.model.prompts) == ([], [])


# -- events on the wire ----------------------------------------------------------------------------------------------

IN_ONE_RUN = {
    "run.started",
    "node.started",
    "node.completed",
    "node.failed",
    "node.skipped",
    "tool.requested",
    "tool.completed",
    "provider.failover",
    "decision.made",
    "approval.requested",
    "approval.decided",
    "refine.rejected",
    "refine.accepted",
    "branch.taken",
    "response.ready",
    "run.completed",
    "end",
}


def test_every_event_arrives_in_order(worker: "LiveStack", in_acme: Tenant, acme: Tenant) -> None:
    token = factories.make_token(factories.make_member(tenant=acme, role=Role.OPERATOR)).text
    headers = {"Authorization": f"Bearer {token}"}
    round_two = {"left": "{{ round }}", "op": "==", "right": 2}
    broken, sound = ScriptedModel(lambda prompt: (500, "{}")), ScriptedModel()
    with broken, sound, ScriptedHost() as host, worker.client(acme, headers=headers) as client:
        make_model_group(broken.base_url, sound.base_url)
        make_destination(host)
        tool = {"tool": "http_request", "arguments": {"url": f"{host.url}/here"}}
        nodes = [
            TRUSTED,
            llm("ask", "ask", "start", respond_here=True),
            refine(
                "better",
                [transform("draft", "round")],
                "ask",
                accept=round_two,
                value="{{ draft }}",
            ),
            {"id": "tell", "kind": "tool", "after": ["better"]} | tool,
            approval("check", "tell"),
            transform("bad", "abs(start.text)", "check", on_failure="continue"),
            transform("refused", "'no'", "check:refused"),
            merge("last", "bad", "refused"),
            result("done", "last"),
        ]
        run = make_run(publish(nodes=nodes), n=1, text="x")
        frames: list[dict[str, Any]] = []
        reader = threading.Thread(target=_read, args=(client, run, frames))
        reader.start()
        answer(run)
        finish(run)
        reader.join(PATIENCE_SECONDS)
        cancelled = make_run(publish(delay("rest", 60, "start"), result("x", "rest")))
        wait_until(lambda: Run.objects.get(pk=cancelled.pk).status == "waiting")
        cancel.cancel(run=Run.objects.get(pk=cancelled.pk), by=actors.SYSTEM)
        bad = publish(transform("bad", "abs(start.text)", "start"), result("x", "bad"))
        failed = finish(make_run(bad, text="x"))
        ends = [_read(client, each, [])[-2:] for each in (cancelled, failed)]

    names = [frame["event"] for frame in frames]
    assert set(names) >= IN_ONE_RUN
    assert [frame["id"] for frame in frames] == list(range(1, len(frames) + 1))
    assert (names[0], names[-2:]) == ("run.started", ["run.completed", "end"])
    assert names.index("provider.failover") < names.index("response.ready")
    assert names.index("refine.rejected") < names.index("refine.accepted")
    assert names.index("tool.requested") < names.index("tool.completed")
    assert names.index("approval.requested") < names.index("approval.decided")
    assert names.index("approval.decided") < names.index("node.failed")
    assert [[frame["event"] for frame in each] for each in ends] == [
        ["run.cancelled", "end"],
        ["run.failed", "end"],
    ]


def _read(client: Any, run: Run, frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Follow a run's events to the end."""
    frame: dict[str, Any] = {}
    with client.stream(
        "GET", f"/api/v1/runs/{run.pk}/events/stream", timeout=PATIENCE_SECONDS
    ) as response:
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                frame = {"id": int(value)}
            elif name == "event":
                frame["event"] = value
            elif name == "data":
                frames.append(frame | {"data": json.loads(value)})
    return frames
