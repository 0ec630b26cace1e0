"""What the nodes of a definition do, apart from how they are called and described. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.definition import Definition, NodeSpec

NOT_BEHAVIOUR = ("title", "description")


def of_definition(definition: Definition) -> dict[str, Any]:
    """What each node does, by id: as written, without its words; of a body only its nodes and edges."""
    specs = {spec["id"]: spec for spec in _specs(definition.spec["nodes"])}
    return {node.id: _behaviour(node, specs[node.id]) for node in definition.walk()}


def _specs(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for spec in nodes:
        yield spec
        yield from _specs((spec.get("body") or {}).get("nodes", []))


def _behaviour(node: NodeSpec, spec: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in spec.items() if name not in NOT_BEHAVIOUR}
    if node.body is not None:
        said["body"] = [
            (inner["id"], inner["kind"], inner.get("after", [])) for inner in spec["body"]["nodes"]
        ]
    return said
