"""The code node: a value out of a sandbox, bounded in time, memory and depth, with no world but its tools."""

import os
import signal
import time
from pathlib import Path

import pytest

from compliance.labels import DataClass, Integrity, Labels
from tests.workflows.nodes.fake_context import NOON, FakeContext
from workflows import sandbox
from workflows.nodes import KINDS, NodeFailed, ToolAnswer

KIND = KINDS["code"]
CONFIDENTIAL = Labels(DataClass.CONFIDENTIAL, Integrity.UNTRUSTED)


def run(code, ctx=None, **values):
    return KIND.run(ctx or FakeContext(), KIND.read({"code": code} | values), {})


def failed(code, ctx=None, **values):
    with pytest.raises(NodeFailed) as raised:
        run(code, ctx, **values)
    return raised.value


def test_the_last_expression_is_the_output():
    given = {"start": {"amounts": [1, 2, 3]}}
    config = KIND.read({"code": "sum(a) + 1", "inputs": {"a": "{{ start.amounts }}"}})
    result = KIND.run(FakeContext(labels=CONFIDENTIAL), config, given)

    assert (result.output, result.labels) == (7, CONFIDENTIAL)


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("(1, [2, (3,)])", [1, [2, [3]]]),
        ("{'a': None, 'b': True}", {"a": None, "b": True}),
        ("def f(x):\n    return x * 2\nf('ab')", "abab"),
        ("x = 1", None),
        ("import json\njson.loads('[1]')", [1]),
    ],
)
def test_values_come_out_as_json(code, output):
    assert run(code).output == output


@pytest.mark.parametrize("code", ["{1, 2}", "b'x'", "float('nan')", "10**30", "{1: 2}"])
def test_what_is_no_json_is_an_error(code):
    assert failed(code).code == "code_error"


@pytest.mark.parametrize(
    ("code", "kind", "line"),
    [
        ("while True:\n    pass", "code_time", ""),
        ("a = []\nwhile True:\n    a.append('x' * 10_000)", "code_memory", ""),
        ("'a' * 10**9", "code_memory", ""),
        ("def f(n):\n    return f(n + 1)\nf(0)", "code_recursion", "Line 2"),
        ("x = 1\ny = x / 0", "code_error", "Line 2"),
        ("x = 1\nraise ValueError('the content')", "code_error", "Line 2"),
        ("import socket", "code_error", "Line 1"),
        ("open('/etc/passwd').read()", "code_error", "Line 1"),
        ("__import__('os').environ", "code_error", "Line 1"),
        ("http_request(url='https://a.example')", "code_error", "Line 1"),
        ("x = []\nfor i in range(10_000):\n    x = [x]\nx", "code_error", ""),
    ],
)
def test_each_way_to_go_wrong_has_its_code_and_line(code, kind, line):
    error = failed(code, limits={"seconds": 0.3, "memory_mb": 20})

    assert error.code == kind
    assert line in error.sentence
    assert "Traceback" not in error.sentence
    assert "content" not in error.sentence


def test_the_worker_lives_on_after_code_that_eats_memory_and_time():
    began = time.monotonic()
    for code in ("'a' * 10**9", "import re\nre.sub('a', 'b' * 1000, 'a' * 100_000)", "[0] * 10**9"):
        failed(code, limits={"seconds": 0.3, "memory_mb": 20})

    assert run("1 + 1").output == 2
    assert time.monotonic() - began < 60


def test_clock_and_chance_stand_still():
    code = "import random, datetime\n[random.random(), str(datetime.datetime.now())]"

    first, second = run(code).output, run(code).output

    assert first == second
    assert first[1] == NOON.replace(tzinfo=None).isoformat(sep=" ")


def test_sleeping_costs_no_time():
    began = time.monotonic()

    assert run("import time\ntime.sleep(30)\n1").output == 1
    assert time.monotonic() - began < 20


def test_what_it_prints_goes_nowhere(capfd):
    run("print('the content')")

    assert "the content" not in "".join(capfd.readouterr())


# -- tools --------------------------------------------------------------------------------------------------------


def test_a_tool_is_a_function_with_arguments_by_name():
    answer = ToolAnswer(output={"json": {"n": 2}}, labels=CONFIDENTIAL)
    ctx = FakeContext(tool_answers=[answer, ToolAnswer(output={"version": 1})])
    code = (
        "said = http_request(url='https://a.example', idempotent=True, timeout_seconds=5)\n"
        "store_write(store='files', key='a', json=said['json'])['version'] + said['json']['n']"
    )

    result = run(code, ctx, may_call=["http_request", "store_write"])

    assert (result.output, result.labels) == (3, CONFIDENTIAL)
    first, second = ctx.tool_calls
    assert first["arguments"] == {"url": "https://a.example"}
    assert (first["idempotent"], first["timeout_seconds"]) == (True, 5)
    assert second["arguments"] == {"store": "files", "key": "a", "json": {"n": 2}}
    assert second["labels"] == CONFIDENTIAL, "what came back before flows into the next call"


def test_a_refused_call_fails_the_node_with_its_code():
    ctx = FakeContext(tool_answers=[NodeFailed("denied", "No policy permits this.")])
    error = failed("store_read(store='files', key='a')", ctx, may_call=["store_read"])

    assert (error.code, error.sentence) == ("denied", "No policy permits this.")


def test_a_refused_call_can_be_caught():
    ctx = FakeContext(tool_answers=[NodeFailed("tool_not_found", "There is no such object.")])
    code = "try:\n    x = store_read(store='f', key='a')\nexcept RuntimeError:\n    x = 'none'\nx"

    assert run(code, ctx, may_call=["store_read"]).output == "none"


@pytest.mark.parametrize(
    "call", ["store_read('files', 'a')", "store_read(store='f', key='a', timeout_seconds='long')"]
)
def test_calls_that_cannot_be_made_are_said(call):
    assert failed(call, may_call=["store_read"]).code == "code_error"


def test_calls_are_counted():
    code = "for i in range(200):\n    store_read(store='f', key='a')"

    assert "more than 100 calls" in failed(code, may_call=["store_read"]).sentence


# -- at save ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"code": "1 + 1"}, []),
        ({"code": "return 1"}, []),
        ({"code": "x = = 2"}, ["code_unreadable"]),
        ({"code": "(" * 5000}, ["code_unreadable"]),
        ({"code": "1", "inputs": {"store_read": 1}}, ["code_name_taken"]),
    ],
)
def test_code_is_read_at_save(values, codes):
    assert [fault.code for fault in KIND.faults(KIND.read(values))] == codes


def test_the_tools_it_may_call_are_named():
    config = KIND.read({"code": "1", "may_call": ["store_read", "nothing"]})

    assert [(each.path, each.value) for each in KIND.tools(config)] == [
        (("may_call", 0), "store_read"),
        (("may_call", 1), "nothing"),
    ]


# -- when the sandbox itself fails --------------------------------------------------------------------------------


class Pool:
    """Stands for a pool whose sandboxes are broken or all taken."""

    def __init__(self, error):
        self._error = error

    def checkout(self, **options):
        raise self._error


def test_no_free_sandbox_is_said(monkeypatch):
    monkeypatch.setattr(sandbox, "_pool", lambda: Pool(TimeoutError()))

    assert failed("1").code == "code_busy"


def test_a_sandbox_that_dies_is_replaced():
    """Its process is ended from outside, as the system does when memory runs out."""

    def die(arguments):
        for sandbox_id in sandboxes():
            os.kill(sandbox_id, signal.SIGKILL)

    limits = sandbox.Limits(seconds=1, memory_bytes=20_000_000)
    with pytest.raises(sandbox.CodeFailed) as broken:
        sandbox.run("die()\n1", inputs={}, functions={"die": die}, limits=limits, at=NOON)

    assert broken.value.code == "code_memory"
    assert run("1 + 1").output == 2


def test_sandboxes_that_died_while_nobody_used_them_fail_no_code():
    run("1")
    for sandbox_id in sandboxes():
        os.kill(sandbox_id, signal.SIGKILL)

    assert [run("1 + 1").output for _ in range(3)] == [2, 2, 2]


def sandboxes():
    """The processes in which this one has code run."""
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = {int(each) for path in listed for each in path.read_text().split()}
    return [each for each in found if b"monty" in Path(f"/proc/{each}/cmdline").read_bytes()]


def test_only_functions_can_be_waited_for():
    assert (
        failed("f = store_read\nf(store='a', key='b')", may_call=["store_read"]).code
        == "code_error"
    )
    assert (
        failed("await store_read(store='a', key='b')", may_call=["store_read"]).code == "code_error"
    )
