"""Attempts that take no end: the attempt ends, its place is given back, people are told, and a worker steps down."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from compliance.models import Alert
from runs import here, node_pool
from runs.executor import Executor
from runs.models import NodeExecution, Run, ToolCall
from tenancy.models import Tenant
from tests.runs.making import (
    PATIENCE_SECONDS,
    finish,
    make_run,
    running_executor,
    statuses,
    wait_until,
)
from tests.runs.scripted_host import Asked, Reply, ScriptedHost
from tests.runs.specs import Node, publish, result
from tests.runs.test_tool_calls import make_destination

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_pool, "GIVE_BACK_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(node_pool, "HANGS_AFTER_SECONDS", 0.3)


@pytest.fixture
def host(in_acme: Tenant) -> Iterator[ScriptedHost]:
    """It answers at once, but for /held: that takes until the test lets it go."""
    go = threading.Event()

    def script(asked: Asked) -> Reply:
        if asked.path == "/held":
            go.wait(PATIENCE_SECONDS)
        return Reply()

    with ScriptedHost(script) as host:
        make_destination(host)
        yield host
        go.set()


def code(url: str, *, seconds: float | None = None) -> Node:
    """A call out of code: the call may take 20 seconds, and the node `seconds` where that is said."""
    node = {"id": "it", "kind": "code", "after": ["start"], "may_call": ["http_request"]}
    call = f'http_request(url="{url}", method="GET", timeout_seconds=20)\n7'
    return node | {"code": call} | ({"timeout_seconds": seconds} if seconds else {})


def run_of(it: Node) -> Run:
    return make_run(publish(it, result("done", "it")))


def test_what_hangs_beyond_its_time_leaves_its_place_to_others(host: ScriptedHost) -> None:
    """There is one thread, and the first node keeps it."""
    with running_executor(node_threads=1) as executor:
        hanging = run_of(code(f"{host.url}/held", seconds=0.4))
        wait_until(lambda: len(host.asked) == 1)
        after = run_of(code(f"{host.url}/here"))

        assert finish(after).status == "completed"
        ended = finish(hanging)
        wait_until(Alert.objects.exists)
        assert executor.is_idle

    assert (ended.status, ended.error_code, ended.error_node) == ("failed", "timeout", "it")
    alert = Alert.objects.get()
    assert (alert.kind, alert.subject_id) == ("node_hangs", str(hanging.pk))
    assert alert.sentence.startswith("Node “it” of “test-")


def test_a_call_that_does_not_keep_to_its_own_time_is_given_up(
    host: ScriptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_pool, "CALLS_AT_MOST", 0)  # long before its call gives up
    arguments = {"url": f"{host.url}/held"}
    it = {"id": "it", "kind": "tool", "after": ["start"], "tool": "http_request"}
    with running_executor(node_threads=1):
        run = finish(run_of(it | {"arguments": arguments, "timeout_seconds": 20}))

    assert (run.status, run.error_code, run.error_node) == ("failed", "timeout", "it")
    assert run.error_sentence == (
        "Node “it” did not come to an end, though each of its calls is bounded to 20 seconds. It was given up."
    )
    call = ToolCall.objects.get(run=run)
    assert (call.status, call.error_kind) == ("interrupted", "given_up")


def test_a_worker_of_which_as_many_threads_hang_as_it_has_steps_down_once(
    host: ScriptedHost,
) -> None:
    stepped_down: list[str] = []
    executor = Executor(node_threads=2, step_down=lambda: stepped_down.append("now"))
    executor.start()
    try:
        runs = [run_of(code(f"{host.url}/held", seconds=0.3)) for _ in range(2)]
        for run in runs:
            assert finish(run).error_code == "timeout"
        assert stepped_down == []
        wait_until(lambda: stepped_down != [])
        assert finish(run_of(code(f"{host.url}/here"))).status == "completed"
    finally:
        executor.stop()

    assert stepped_down == ["now"]


def test_stepping_down_is_what_a_service_manager_would_ask_for() -> None:
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    try:
        threading.Thread(target=here._end_process).start()
        wait_until(lambda: asked != [])
    finally:
        signal.signal(signal.SIGTERM, before)

    assert asked == [signal.SIGTERM]


def test_a_stop_does_not_wait_for_what_was_given_up(host: ScriptedHost) -> None:
    stopped = threading.Event()

    def stop(executor: Executor) -> None:
        executor.stop()
        stopped.set()

    executor = Executor(node_threads=1)
    executor.start()
    hanging = run_of(code(f"{host.url}/held", seconds=0.3))
    finish(hanging)
    threading.Thread(target=stop, args=(executor,)).start()

    wait_until(stopped.is_set, 8)
    assert len(host.asked) == 1


def test_what_was_handed_back_in_a_body_begins_with_the_attempt_that_it_has(
    host: ScriptedHost,
) -> None:
    body: list[Node] = [
        {
            "id": "call",
            "kind": "tool",
            "tool": "http_request",
            "arguments": {"url": f"{host.url}/{{{{ item }}}}"},
        }
    ]
    each: dict[str, Any] = {
        "id": "it",
        "kind": "for_each",
        "after": ["start"],
        "items": ["slow", "b", "c"],
        "width": 3,
        "body": {"nodes": body},
        "value": "{{ call.status }}",
    }
    host.seconds = 0.5
    with running_executor(node_threads=1):
        run = run_of(each)
        wait_until(lambda: len(host.asked) == 1)
        handed_back = Run.objects.get(pk=run.pk)
    left = statuses(run)
    with running_executor():
        done = finish(run)

    assert handed_back.status == "running"
    assert sorted(left[f"it[{place}].call"] for place in range(3)) == [
        "completed",
        "waiting",
        "waiting",
    ]
    assert (done.status, done.takeovers) == ("completed", 0)
    calls = NodeExecution.objects.filter(run=run, kind="tool")
    assert set(calls.values_list("attempt", "status")) == {(1, "completed")}
    assert sorted(asked.path for asked in host.asked) == ["/b", "/c", "/slow"]
