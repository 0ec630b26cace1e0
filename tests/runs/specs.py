"""Definitions of tests as values: nodes in a list, with a few short words for what most of them say."""

import json
from typing import Any

from tests.runs.making import make_version
from workflows.models import WorkflowVersion

Node = dict[str, Any]
INPUT_SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "text": {"type": "string"},
        "items": {"type": "array"},
    },
}


def publish(*nodes: Node, schema: dict[str, Any] | None = None, **top: Any) -> WorkflowVersion:
    """Publish a workflow of these nodes after an input called `start`, under a name of its own."""
    start = {"id": "start", "kind": "input", "schema": schema or INPUT_SCHEMA}
    spec = {"grove": 1, "name": "NAME", "data_class": "internal", "nodes": [start, *nodes]} | top
    text = json.dumps(spec).replace("{", "{{").replace("}", "}}").replace('"NAME"', "{name}")
    return make_version(text)


def llm(node_id: str, prompt: str, *after: Any, **more: Any) -> Node:
    return _node(node_id, "llm", after) | {"model_group": "default", "prompt": prompt} | more


def transform(node_id: str, expression: str, *after: Any, **more: Any) -> Node:
    return _node(node_id, "transform", after) | {"expression": expression} | more


def delay(node_id: str, seconds: float, *after: Any, **more: Any) -> Node:
    return _node(node_id, "delay", after) | {"seconds": seconds} | more


def approval(node_id: str, *after: Any, **more: Any) -> Node:
    asked = {"question": "Go on?", "approver": "reviewer", "expires_in_seconds": 3600}
    return _node(node_id, "approval", after) | asked | more


def callback(node_id: str, *after: Any, **more: Any) -> Node:
    return _node(node_id, "callback", after) | {"expires_in_seconds": 3600} | more


def sub_workflow(node_id: str, version: WorkflowVersion, *after: Any, **more: Any) -> Node:
    pinned = f"{version.workflow.slug}@{version.number}"
    return _node(node_id, "sub_workflow", after) | {"workflow": pinned, "input": {"n": 1}} | more


def for_each(node_id: str, body: list[Node], value: Any, *after: Any, **more: Any) -> Node:
    made = {"items": "{{ start.items }}", "body": {"nodes": body}, "value": value}
    return _node(node_id, "for_each", after) | made | more


def refine(node_id: str, body: list[Node], *after: Any, **more: Any) -> Node:
    return _node(node_id, "refine", after) | {"body": {"nodes": body}} | more


def merge(node_id: str, *after: Any, **more: Any) -> Node:
    return _node(node_id, "merge", after) | {"mode": "object"} | more


def result(value: Any, *after: Any) -> Node:
    return _node("result", "output", after) | {"value": value}


def _node(node_id: str, kind: str, after: tuple[Any, ...]) -> Node:
    return {"id": node_id, "kind": kind} | ({"after": list(after)} if after else {})
