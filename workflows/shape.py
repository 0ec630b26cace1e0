"""Whether the text of a definition has the form of one: members, types, ids, kinds. Pure.

What only the whole graph can tell is in `validation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workflows import json_schemas
from workflows.definition_schema import MAX_NODES, NODE_ID, TOP, node_schema
from workflows.json_schemas import SchemaFault, place_name
from workflows.nodes import KINDS
from workflows.problems import Problem, meant
from workflows.source import Path, Source

_NODE_ID = re.compile(NODE_ID)
_PATTERNS = {
    r"^[a-z][a-z0-9-]{0,62}$": "must be small letters, digits and hyphens, a letter first",
    rf"^{NODE_ID}$": "must be small letters, digits and underscores, a letter first",
    rf"^{NODE_ID}(:{NODE_ID})?$": "must be the id of a node, or node:branch",
}


def check(source: Source) -> list[Problem]:
    """What keeps this source from being a definition at all."""
    value = source.value
    if not isinstance(value, dict):
        return [
            problem_at(
                source,
                (),
                code="not_a_definition",
                sentence="A definition is a mapping that begins with “grove: 1”.",
            )
        ]
    problems = [_top_problem(source, fault) for fault in json_schemas.faults(TOP, value)]
    nodes = value.get("nodes")
    if isinstance(nodes, list) and len(nodes) <= MAX_NODES:
        problems += _node_problems(source, nodes)
    return problems


def node_name(node: Any, place: int) -> str:
    """“Node “draft”” or, without a readable id, “Node 3”."""
    node_id = readable_id(node)
    return f"Node “{node_id}”" if node_id else f"Node {place + 1}"


def readable_id(node: Any) -> str | None:
    node_id = node.get("id") if isinstance(node, dict) else None
    return node_id if isinstance(node_id, str) and _NODE_ID.fullmatch(node_id) else None


def problem_at(
    source: Source, path: Path, *, code: str, sentence: str, node: str | None = None, **more: Any
) -> Problem:
    place = source.place(path)
    return Problem(
        code=code,
        sentence=sentence,
        node=node,
        line=place.line if place else None,
        column=place.column if place else None,
        **more,
    )


def _top_problem(source: Source, fault: SchemaFault) -> Problem:
    names_the_name = fault.path == ("name",) or "“name”" in fault.sentence
    return problem_at(
        source,
        (*fault.path, fault.key) if fault.key else fault.path,
        code="name_invalid" if names_the_name else _code(fault),
        sentence=_ended(f"The definition: {_told(fault, TOP)}"),
    )


def _node_problems(source: Source, nodes: list[Any]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for place, node in enumerate(nodes):
        path: Path = ("nodes", place)
        name, node_id = node_name(node, place), readable_id(node)
        if not isinstance(node, dict):
            yield problem_at(source, path, code="field_type", sentence=f"{name} must be a mapping.")
            continue
        if node_id in seen:
            first = source.place(("nodes", seen[node_id]))
            where = f" on line {first.line}" if first else ""
            yield problem_at(
                source,
                (*path, "id"),
                node=node_id,
                code="node_id_duplicate",
                sentence=f"There is already a node “{node_id}”{where}. Give this one another id.",
            )
        elif node_id:
            seen[node_id] = place
        yield from _one_node(source, path, node, name, node_id)


def _one_node(
    source: Source, path: Path, node: Mapping[str, Any], name: str, node_id: str | None
) -> Iterator[Problem]:
    kind = node.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        yield _kind_unknown(source, path, name, node_id, kind)
        return
    schema = node_schema(kind)
    for fault in json_schemas.faults(schema, dict(node)):
        yield problem_at(
            source,
            (*path, *fault.path, fault.key) if fault.key else (*path, *fault.path),
            node=node_id,
            code="node_id_invalid" if fault.path == ("id",) else _code(fault),
            sentence=_ended(f"{name} ({kind}): {_told(fault, schema)}"),
        )


def _kind_unknown(source: Source, path: Path, name: str, node_id: str | None, kind: Any) -> Problem:
    known = ", ".join(KINDS)
    said = f"is of kind “{kind}”, which is not known" if kind is not None else "has no kind"
    return problem_at(
        source,
        (*path, "kind"),
        node=node_id,
        code="node_kind_unknown",
        sentence=f"{name} {said}.{meant(kind, KINDS)} The kinds are {known}.",
    )


def _told(fault: SchemaFault, schema: Mapping[str, Any]) -> str:
    where = f"“{place_name(fault.path)}” " if fault.path else ""
    sentence = fault.sentence
    for pattern, words in _PATTERNS.items():
        if sentence.endswith(pattern):
            sentence = words
    if fault.key:
        known = schema.get("properties", {}) if not fault.path else {}
        near = meant(fault.key, known).removesuffix("?")
        sentence = f"{sentence}.{near}?" if near else sentence
        where = f"in {where}" if where else ""
        return f"{where}{sentence}".removesuffix(".")
    if fault.rule == "required" and where:
        return f"in {where}{sentence}"
    return f"{where}{sentence}"


def _code(fault: SchemaFault) -> str:
    return {
        "required": "field_missing",
        "additionalProperties": "field_unknown",
        "type": "field_type",
    }.get(fault.rule, "field_invalid")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(("?", ".")) else f"{sentence}."
