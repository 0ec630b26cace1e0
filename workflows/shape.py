"""Whether the text of a definition has the form of one: members, types, ids, kinds. Pure.

What only the whole graph can tell is in `validation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from workflows import json_schemas
from workflows.definition_schema import (
    EVERY_NODE,
    MAX_NESTING,
    MAX_NODES,
    NODE_ID,
    ONLY_OUTSIDE,
    TOP,
    node_schema,
)
from workflows.json_schemas import SchemaFault, place_name
from workflows.nodes import KINDS
from workflows.nodes.sub_workflow import PINNED
from workflows.problems import Problem, meant
from workflows.source import Path, Source

_NODE_ID = re.compile(NODE_ID)
_PATTERNS = {
    r"^[a-z][a-z0-9-]{0,62}$": "must be small letters, digits and hyphens, a letter first",
    rf"^{NODE_ID}$": "must be small letters, digits and underscores, a letter first",
    rf"^{NODE_ID}(:{NODE_ID})?$": "must be the id of a node, or node:branch",
    PINNED: "must be a workflow and the number of its version, slug@number",
}


def check(source: Source) -> list[Problem]:
    """What keeps this source from being a definition at all."""
    return [problem for _, problem in check_places(source)]


def check_places(source: Source) -> list[tuple[Path, Problem]]:
    """Like `check`, each problem with the path of the node it is in; the empty path for the top."""
    value = source.value
    if not isinstance(value, dict):
        sentence = "A definition is a mapping that begins with “grove: 1”."
        return [((), problem_at(source, (), code="not_a_definition", sentence=sentence))]
    found: list[tuple[Path, Problem]] = [
        ((), _top_problem(source, fault)) for fault in json_schemas.faults(TOP, value)
    ]
    nodes = value.get("nodes")
    if isinstance(nodes, list) and len(nodes) <= MAX_NODES:
        found += _node_problems(source, nodes, ("nodes",), {})
    return found


def listed(value: Any, *members: str) -> list[Any]:
    """The list under these members, or an empty one where there is none."""
    for member in members:
        value = value.get(member) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []


def faults_of(kind: str, node: Mapping[str, Any]) -> tuple[SchemaFault, ...]:
    """Where a node has not the form that its kind asks for."""
    try:
        written = orjson.dumps(node)
    except TypeError:  # what no text can say
        return tuple(json_schemas.faults(node_schema(kind), dict(node)))
    return _faults_of(kind, written)


@lru_cache(maxsize=4096)
def _faults_of(kind: str, written: bytes) -> tuple[SchemaFault, ...]:
    """An edit changes one node of many: the others are not checked again."""
    return tuple(json_schemas.faults(node_schema(kind), orjson.loads(written)))


def is_edge(entry: Any) -> bool:
    """Whether an entry of `after` has the form of one."""
    return not json_schemas.faults(EVERY_NODE["after"]["items"], entry)


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
        field=field_of(path),
        **more,
    )


def field_of(path: Path) -> str:
    """The member of the innermost node on this path, or of the definition itself."""
    inner = path
    while inner[:1] == ("nodes",) and len(inner) > 1:
        inner = inner[2:]
        if inner[:2] == ("body", "nodes"):
            inner = inner[1:]
    return str(inner[0]) if inner and isinstance(inner[0], str) else ""


def _top_problem(source: Source, fault: SchemaFault) -> Problem:
    names_the_name = fault.path == ("name",) or "“name”" in fault.sentence
    return problem_at(
        source,
        (*fault.path, fault.key) if fault.key else fault.path,
        code="name_invalid" if names_the_name else _code(fault),
        sentence=_ended(f"The definition: {_told(fault, TOP)}"),
    )


def _node_problems(
    source: Source, nodes: list[Any], around: Path, seen: dict[str, Path]
) -> Iterator[tuple[Path, Problem]]:
    for place, node in enumerate(nodes):
        path: Path = (*around, place)
        name, node_id = node_name(node, place), readable_id(node)
        if not isinstance(node, dict):
            sentence = f"{name} must be a mapping."
            yield path, problem_at(source, path, code="field_type", sentence=sentence)
            continue
        if node_id in seen:
            yield path, _duplicate(source, path, node_id, seen[node_id])
        elif node_id:
            seen[node_id] = path
        for problem in _one_node(source, path, node, name, node_id):
            yield path, problem
        inside = listed(node, "body", "nodes")
        if inside and _is_container(node):
            if len(path) // 3 >= MAX_NESTING:
                yield path, _too_deep(source, path, name, node_id)
            else:
                yield from _node_problems(source, inside, (*path, "body", "nodes"), seen)


def _is_container(node: Mapping[str, Any]) -> bool:
    kind = node.get("kind")
    return isinstance(kind, str) and kind in KINDS and KINDS[kind].body is not None


def _duplicate(source: Source, path: Path, node_id: str, before: Path) -> Problem:
    first = source.place(before)
    where = f" on line {first.line}" if first else ""
    return problem_at(
        source,
        (*path, "id"),
        node=node_id,
        code="node_id_duplicate",
        sentence=f"There is already a node “{node_id}”{where}. Give this one another id.",
    )


def _too_deep(source: Source, path: Path, name: str, node_id: str | None) -> Problem:
    return problem_at(
        source,
        (*path, "body"),
        node=node_id,
        code="nesting_too_deep",
        sentence=f"{name} has a body inside of {MAX_NESTING} others. "
        "Make a workflow of its own of it, and start that with a sub_workflow.",
    )


def _one_node(
    source: Source, path: Path, node: Mapping[str, Any], name: str, node_id: str | None
) -> Iterator[Problem]:
    kind = node.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        yield _kind_unknown(source, path, name, node_id, kind)
        return
    if kind in ONLY_OUTSIDE and len(path) > 2:
        yield problem_at(
            source,
            (*path, "kind"),
            node=node_id,
            code="kind_only_outside",
            sentence=f"{name} is of kind {kind}, which a body has not. A body reads by name what it "
            "is given, and the `value` of its container says what it makes.",
        )
    schema = node_schema(kind)
    for fault in faults_of(kind, node):
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
