"""Changes to plant in the fixture, one of each sort, and what each must be told as."""

from collections.abc import Callable
from typing import Any

import yaml

from tests.workflows.differences.fixture import RICH
from workflows.definition import Definition, parse
from workflows.differences import Category, Level

Spec = dict[str, Any]
Plant = Callable[[Spec], object]


def rich() -> Spec:
    spec: Spec = yaml.safe_load(RICH)
    return spec


def definition_of(spec: Spec) -> Definition:
    return parse(yaml.safe_dump(spec, allow_unicode=True, sort_keys=False))


def node(spec: Spec, name: str) -> Spec:
    def walk(nodes: list[Spec]) -> Any:
        for each in nodes:
            yield each
            yield from walk(each.get("body", {}).get("nodes", []))

    return next(each for each in walk(spec["nodes"]) if each["id"] == name)


def drop(spec: Spec, name: str) -> None:
    spec["nodes"] = [each for each in spec["nodes"] if each["id"] != name]


def swap_after(spec: Spec) -> None:
    node(spec, "ways")["after"].reverse()


def add_leaf(spec: Spec) -> None:
    spec["nodes"].append(
        {"id": "extra", "kind": "transform", "after": ["mask"], "expression": "mask.text"}
    )


def rename(spec: Spec) -> None:
    spec.clear()
    spec.update(yaml.safe_load(RICH.replace("classify", "sort_out")))


def move(spec: Spec) -> None:
    inner = node(spec, "each_claim")["body"]["nodes"]
    spec["nodes"].append(inner.pop())


# what is planted; its category; its level; what the sentence names; the pointer
PLANTED: dict[str, tuple[Plant, Category, Level, str, str]] = {
    "node added": (add_leaf, Category.NODE, Level.LOW, "“extra” (transform) is new", "/nodes/15"),
    "node removed": (
        lambda s: drop(s, "archive"),
        Category.NODE,
        Level.LOW,
        "“archive” (tool) is gone",
        "/nodes/13",
    ),
    "node renamed": (rename, Category.NODE, Level.LOW, "“classify” is called “sort_out”", "/id"),
    "node moved": (move, Category.NODE, Level.MEDIUM, "outside of any body now", "/nodes/15"),
    "kind": (
        lambda s: (
            node(s, "count").update(kind="redact", value="{{ letter.text }}")
            or node(s, "count").pop("expression")
        ),
        Category.NODE,
        Level.HIGH,
        "of the kind redact now",
        "/kind",
    ),
    "edge added": (
        lambda s: node(s, "count").update(after=["letter", "mask"]),
        Category.EDGE,
        Level.MEDIUM,
        "“count” comes after “mask” now, too",
        "/after",
    ),
    "edge removed": (
        lambda s: node(s, "classify").update(after=["mask"]),
        Category.EDGE,
        Level.MEDIUM,
        "“classify” no longer comes after “count”",
        "/after",
    ),
    "branch of an edge": (
        lambda s: node(s, "slow").update(after=["route:urgent"]),
        Category.EDGE,
        Level.MEDIUM,
        "waits for the branch “urgent” of “route” now",
        "/after",
    ),
    "condition of an edge": (
        lambda s: node(s, "each_claim")["after"][0]["when"].update(right=5),
        Category.EDGE,
        Level.MEDIUM,
        "is more than 5 now",
        "/after",
    ),
    "order of a merge": (swap_after, Category.EDGE, Level.MEDIUM, "takes the first of", "/after"),
    "prompt": (
        lambda s: node(s, "classify").update(prompt="Sort this quickly: {{ mask.text }}"),
        Category.PROMPT,
        Level.MEDIUM,
        "the prompt reads otherwise: 1 word came",
        "/prompt",
    ),
    "system text": (
        lambda s: node(s, "classify").update(system="Be kind."),
        Category.PROMPT,
        Level.MEDIUM,
        "the system text reads otherwise",
        "/system",
    ),
    "prompt in a body": (
        lambda s: node(s, "read_claim").update(prompt="Read {{ claim.text }} twice"),
        Category.PROMPT,
        Level.MEDIUM,
        "“read_claim”: the prompt reads",
        "/body/nodes/0/prompt",
    ),
    "model group": (
        lambda s: node(s, "classify").update(model_group="strong"),
        Category.MODEL,
        Level.MEDIUM,
        "the model group is “strong” now, was “default”",
        "/model_group",
    ),
    "tokens": (
        lambda s: node(s, "classify").update(max_tokens=2000),
        Category.MODEL,
        Level.LOW,
        "is 2,000 now, was 1,000",
        "/max_tokens",
    ),
    "tool": (
        lambda s: node(s, "archive").update(tool="store_read"),
        Category.TOOL,
        Level.HIGH,
        "calls the tool “store_read” now",
        "/tool",
    ),
    "method": (
        lambda s: node(s, "notify")["arguments"].update(method="POST"),
        Category.TOOL,
        Level.HIGH,
        "sends “POST” now",
        "/arguments/method",
    ),
    "destination": (
        lambda s: node(s, "notify")["arguments"].update(url="https://other.example/x"),
        Category.DESTINATION,
        Level.HIGH,
        "goes to “https://other.example/x” now",
        "/arguments/url",
    ),
    "store": (
        lambda s: node(s, "archive")["arguments"].update(store="drawer"),
        Category.DESTINATION,
        Level.MEDIUM,
        "uses the store “drawer” now",
        "/arguments/store",
    ),
    "tool of a program": (
        lambda s: node(s, "compute").update(may_call=["store_read", "http_request"]),
        Category.TOOL,
        Level.HIGH,
        "may call the tool “http_request” now",
        "/may_call",
    ),
    "program": (
        lambda s: node(s, "compute").update(code="len(text) + 1"),
        Category.COMPUTATION,
        Level.MEDIUM,
        "the program reads otherwise",
        "/code",
    ),
    "expression": (
        lambda s: node(s, "count").update(expression="length(letter.text)"),
        Category.COMPUTATION,
        Level.MEDIUM,
        "the expression reads otherwise",
        "/expression",
    ),
    "data class": (
        lambda s: s.update(data_class="restricted"),
        Category.DATA_CLASS,
        Level.HIGH,
        "restricted data now, was confidential",
        "/data_class",
    ),
    "label": (
        lambda s: node(s, "letter")["labels"].update(data_class="internal"),
        Category.DATA_CLASS,
        Level.HIGH,
        "is internal now, was confidential",
        "/labels",
    ),
    "what is masked": (
        lambda s: node(s, "mask").update(detect=["EMAIL"]),
        Category.DATA_CLASS,
        Level.HIGH,
        "“IBAN” is no longer masked",
        "/detect",
    ),
    "input schema": (
        lambda s: node(s, "letter")["schema"]["properties"].update(due={"type": "string"}),
        Category.SCHEMA,
        Level.MEDIUM,
        "“due” is new (string, optional)",
        "/schema/properties/due",
    ),
    "answer schema": (
        lambda s: node(s, "classify")["output"]["properties"].update(severity={"type": "number"}),
        Category.SCHEMA,
        Level.MEDIUM,
        "“severity”: the type is “number” now, was “integer”",
        "/output/properties/severity/type",
    ),
    "required member": (
        lambda s: node(s, "letter")["schema"].update(required=["text", "claims"]),
        Category.SCHEMA,
        Level.MEDIUM,
        "“claims” is required now",
        "/schema/properties/claims",
    ),
    "retries": (
        lambda s: node(s, "classify").update(retry={"attempts": 5}),
        Category.FAILURE,
        Level.LOW,
        "up to 5 times",
        "/retry",
    ),
    "time-out": (
        lambda s: node(s, "count").update(timeout_seconds=90),
        Category.FAILURE,
        Level.LOW,
        "the time-out of an attempt is 90 seconds now, was not bounded",
        "/timeout_seconds",
    ),
    "failure": (
        lambda s: node(s, "count").update(on_failure="continue"),
        Category.FAILURE,
        Level.MEDIUM,
        "the run goes on now",
        "/on_failure",
    ),
    "fallback": (
        lambda s: node(s, "score").update(fallback={"points": 1}),
        Category.FAILURE,
        Level.MEDIUM,
        "in place of a failed output",
        "/fallback",
    ),
    "condition": (
        lambda s: node(s, "route")["cases"][0]["when"].update(right=4),
        Category.COMPUTATION,
        Level.MEDIUM,
        "branch “urgent” is taken when",
        "/cases",
    ),
    "approver": (
        lambda s: node(s, "check").update(approver="operator"),
        Category.APPROVAL,
        Level.MEDIUM,
        "the role that is asked is “operator” now",
        "/approver",
    ),
    "question": (
        lambda s: node(s, "check").update(question="Pay it?"),
        Category.APPROVAL,
        Level.MEDIUM,
        "the question reads otherwise",
        "/question",
    ),
    "pinned version": (
        lambda s: node(s, "score").update(workflow="scoring@4"),
        Category.SUB_WORKFLOW,
        Level.MEDIUM,
        "is “scoring@4” now, was “scoring@3”",
        "/workflow",
    ),
    "entries of a body": (
        lambda s: node(s, "each_claim").update(width=16),
        Category.COMPUTATION,
        Level.LOW,
        "at a time is 16 now, was 4",
        "/width",
    ),
    "output": (
        lambda s: node(s, "result").update(value={"end": "{{ ways.text }}"}),
        Category.COMPUTATION,
        Level.MEDIUM,
        "what it makes is",
        "/value",
    ),
    "worker loss": (
        lambda s: s.update(on_worker_loss="fail"),
        Category.FAILURE,
        Level.MEDIUM,
        "fails now",
        "/on_worker_loss",
    ),
    "budget": (
        lambda s: s["budget"].update(amount_micros=9_000_000),
        Category.BUDGET,
        Level.MEDIUM,
        "9.00 EUR now, was 5.00 EUR",
        "/budget",
    ),
    "retention": (
        lambda s: s["documentation"].update(retention_days=365),
        Category.RETENTION,
        Level.MEDIUM,
        "365 days now, was 30 days",
        "/documentation/retention_days",
    ),
}
