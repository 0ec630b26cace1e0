"""What a new node of each kind begins with, so that its form has all members that the kind asks for. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from workflows.errors import EditRefused
from workflows.nodes import KINDS

# Where a value must be chosen by the author there is an empty one, which the checks then name.
BEGINNINGS: Mapping[str, Mapping[str, Any]] = {
    "input": {"schema": {"type": "object", "properties": {"text": {"type": "string"}}}},
    "redact": {"value": ""},
    "llm": {"model_group": "", "prompt": ""},
    "condition": {
        "cases": [{"branch": "first", "when": {"left": "", "op": "==", "right": ""}}],
        "otherwise": "other",
    },
    "transform": {"expression": "@"},
    "merge": {"mode": "first"},
    "tool": {"tool": "", "arguments": {}},
    "code": {"code": ""},
    "for_each": {"items": "", "body": {"nodes": []}, "value": None},
    "refine": {
        "body": {"nodes": []},
        "accept": {"left": "", "op": "==", "right": True},
        "value": None,
    },
    "sub_workflow": {"workflow": "", "input": {}},
    "delay": {"seconds": 60},
    "callback": {"expires_in_seconds": 86_400},
    "approval": {"question": "", "approver": "reviewer", "expires_in_seconds": 86_400},
    "output": {"value": {}},
}


def new_node(
    kind: str, node_id: str, *, title: str = "", values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A node of this kind. Raises EditRefused for one that is not known."""
    if kind not in KINDS:
        raise EditRefused(f"There is no kind “{kind}”. The kinds are {', '.join(KINDS)}.")
    node: dict[str, Any] = {"id": node_id, "kind": kind}
    if title:
        node["title"] = title
    node["after"] = []
    node |= copy.deepcopy(dict(BEGINNINGS[kind])) | dict(values or {})
    return node
