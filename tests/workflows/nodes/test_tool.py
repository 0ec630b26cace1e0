"""The tool node: fills its arguments and hands them to the door; what is wrong is said at save."""

import pytest

from compliance.labels import DataClass, Labels
from tests.workflows.nodes.fake_context import FakeContext
from workflows.nodes import KINDS, NodeFailed, ToolAnswer
from workflows.tools.declarations import DECLARED

KIND = KINDS["tool"]
URL = "https://crm.example/claims/{{ start.id }}?q={{ start.q }}"


def config(**values):
    return KIND.read({"tool": "http_request", "arguments": {"url": URL}} | values)


def run(ctx, inputs, **values):
    return KIND.run(ctx, config(**values), inputs)


def test_the_door_is_asked_with_filled_arguments_and_its_answer_goes_on():
    labels = Labels(DataClass.CONFIDENTIAL)
    ctx = FakeContext(tool_answers=[ToolAnswer(output={"status": 200}, labels=labels)])
    arguments = {"url": URL, "method": "POST", "json": {"n": "{{ start.n }}"}}

    result = run(
        ctx,
        {"start": {"id": 7, "q": "a", "n": 3}},
        arguments=arguments,
        idempotent=True,
        timeout_seconds=5,
    )

    assert (result.output, result.labels) == ({"status": 200}, labels)
    assert ctx.tool_calls == [
        {
            "name": "http_request",
            "arguments": {
                "url": "https://crm.example/claims/7?q=a",
                "method": "POST",
                "json": {"n": 3},
            },
            "idempotent": True,
            "timeout_seconds": 5,
            "labels": Labels(),
        }
    ]


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("a/b", "a%2Fb"),
        ("?x=1&y=2#z", "%3Fx%3D1%26y%3D2%23z"),
        ("@evil.example", "%40evil.example"),
        ("straße", "stra%C3%9Fe"),
        ("a b", "a%20b"),
        ("..x", "..x"),
    ],
)
def test_what_is_filled_into_an_address_stays_in_its_part(value, filled):
    ctx = FakeContext()
    run(ctx, {"start": {"id": value, "q": ""}})

    assert ctx.tool_calls[0]["arguments"]["url"] == f"https://crm.example/claims/{filled}?q="


@pytest.mark.parametrize("value", [".", ".."])
def test_dots_alone_do_not_lead_to_another_path(value):
    with pytest.raises(NodeFailed) as refused:
        run(FakeContext(), {"start": {"id": value, "q": ""}})

    assert refused.value.code == "url_part_refused"


def test_an_address_that_is_one_reference_is_taken_whole():
    ctx = FakeContext()
    run(ctx, {"start": {"url": "https://a.example/x?y=1"}}, arguments={"url": "{{ start.url }}"})

    assert ctx.tool_calls[0]["arguments"]["url"] == "https://a.example/x?y=1"


def test_a_refusal_of_the_door_is_the_nodes():
    ctx = FakeContext(tool_answers=[NodeFailed("denied", "No.")])

    with pytest.raises(NodeFailed, match="No"):
        run(ctx, {"start": {"id": 1, "q": 1}})


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({}, []),
        ({"arguments": {"url": URL, "colour": "red"}}, ["tool_argument_unknown"]),
        ({"arguments": {"method": "GET"}}, ["tool_argument_missing"]),
        ({"tool": "store_read", "arguments": {"store": "files"}}, ["tool_argument_missing"]),
        (
            {"tool": "no_such_tool", "arguments": {}},
            [],
        ),  # which tools there are is checked elsewhere
    ],
)
def test_arguments_are_checked_at_save(values, codes):
    assert [fault.code for fault in KIND.faults(config(**values))] == codes


def test_every_tool_declares_its_effect_and_what_holds_content():
    effects = {name: str(each.effect({})) for name, each in DECLARED.items()}

    assert effects == {"http_request": "read", "store_read": "read", "store_write": "write"}
    assert str(DECLARED["http_request"].effect({"method": "POST"})) == "write"
    for each in DECLARED.values():
        assert each.content <= set(each.schema["properties"])
        assert each.sentence.endswith(".")
