"""Templates and expressions: whether what they name is there to be read when the node runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workflows import references
from workflows.checks.scopes import Scope
from workflows.expressions import NotComparable, compare
from workflows.json_schemas import place_name
from workflows.nodes import KINDS, Template
from workflows.nodes.callback import ADDRESS
from workflows.problems import Problem, Severity, meant
from workflows.references import Reference
from workflows.source import Path

FAILURE: Mapping[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "sentence": {"type": "string"}},
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a name leads to from where it stands. `sure`: it has a value whenever the node runs."""

    what: Literal["given", "node", "self", "later", "hidden", "unknown", "doubtful"]
    scope: Scope | None = None
    reader: str = ""  # who reads it there: the node itself, or the container it is in
    sure: bool = True


def problems(top: Scope) -> Iterator[Problem]:
    for scope in top.walk():
        if scope.is_sound:
            for node in scope.specs:
                yield from _node_problems(scope, node)
            yield from _edge_problems(scope)


def _node_problems(scope: Scope, node: str) -> Iterator[Problem]:
    spec = scope.specs[node]
    kind = KINDS[spec.kind]
    for template in kind.templates(spec.config):
        reader = scope.bodies[node] if template.inside else scope
        lenient = spec.kind == "output" or (template.inside and template.path[0] != "accept")
        yield from _template_problems(scope, node, template, reader=reader, lenient=lenient)
    for name in kind.names(spec.config):
        if name.path != ("after",):
            named = Reference(name.value)
            yield from _one_reference(scope, node, name.path, named, look_up(scope, node, named))


def _edge_problems(scope: Scope) -> Iterator[Problem]:
    """What an edge compares is its source's output, or what its source could have read."""
    for edge, path in scope.edges:
        if edge.when is None or edge.source not in scope.places:
            continue
        where = (*path, "when")
        sides = (edge.when.left, edge.when.right)
        for side, value in zip(("left", "right"), sides, strict=True):
            template = Template(path=(*where, side), value=value)
            yield from _template_problems(scope, edge.target, template, source=edge.source)
        if not any("{{" in str(side) for side in sides):
            yield from _fixed(scope, edge.target, where, edge.when)


def _fixed(scope: Scope, node: str, where: Path, when: Any) -> Iterator[Problem]:
    try:
        compare(when.left, when.op, when.right)
    except NotComparable as error:
        sentence = f"The condition of an edge to node “{node}” can never hold: {error}"
        yield scope.problem(node, where, "not_comparable", sentence)


def _template_problems(
    scope: Scope,
    node: str,
    template: Template,
    *,
    reader: Scope | None = None,
    source: str = "",
    lenient: bool = False,
) -> Iterator[Problem]:
    for inner, text in references.texts_in(template.value):
        path = (*template.path, *inner)
        try:
            parts = references.parse(text)
        except references.TemplateUnreadable as error:
            told = f"Node “{node}”, {place_name(path)}: {error}"
            yield scope.problem(node, path, "template_unreadable", told)
            continue
        may_be_null = lenient and len(parts) == 1
        for part in parts:
            if not isinstance(part, Reference) or part.node in template.gives:
                continue
            if reader is not None and reader is not scope:
                found = _look_up_inside(reader, part)
            elif source and part.node == source:
                found = Found(what="node", scope=scope, reader=node)
            else:
                found = look_up(scope, source or node, part)
            yield from _one_reference(scope, node, path, part, found)
            if not found.sure and not may_be_null:
                yield _maybe_skipped(scope, node, path, part.node)


def look_up(scope: Scope, node: str, reference: Reference) -> Found:
    """What a name in the configuration of this node leads to; what is nearer hides what is farther."""
    named = reference.node
    if scope.given is None or named in scope.given:
        return Found(what="given")
    if named in scope.places:
        if named == node:
            return Found(what="self")
        assert scope.graph is not None  # noqa: S101 - only sound scopes are looked at
        if named in scope.graph.ancestry[node]:
            sure = named in scope.surely_live[node]
            return Found(what="node", scope=scope, reader=node, sure=sure)
        return Found(what="doubtful" if node in scope.doubtful else "later")
    if scope.outer is not None:
        return look_up(scope.outer, scope.container, reference)
    return Found(what="hidden" if named in scope.home else "unknown")


def _look_up_inside(body: Scope, reference: Reference) -> Found:
    """The same for what a container fills in once its body ended."""
    if reference.node in body.places:
        sure = reference.node in body.always_live
        return Found(what="node", scope=body, reader=body.container, sure=sure)
    return look_up(body, "", reference)


def _one_reference(
    scope: Scope, node: str, path: Path, reference: Reference, found: Found
) -> Iterator[Problem]:
    named = reference.node
    says = f"Node “{node}” names “{reference}” in its {place_name(path[:1])}"
    if found.what == "node" and found.scope is not None:
        if reference.path and named in found.scope.specs:
            yield from _field_problems(scope, node, path, reference, found)
    elif found.what == "self":
        itself = node == named
        told = "a node cannot read its own output" if itself else "it is in the body of that"
        yield scope.problem(node, path, "reference_not_upstream", f"{says}, but {told}.")
    elif found.what == "later":
        yield scope.problem(
            node,
            path,
            "reference_not_upstream",
            f"{says}, but {named} is not upstream of it. "
            f"Add {named} to its `after`, or remove the reference.",
        )
    elif found.what == "hidden":
        container = scope.home[named].container
        sentence = f"{says}, but {named} is inside the body of “{container}”. Read “{container}”."
        yield scope.problem(node, path, "reference_into_body", sentence)
    elif found.what == "unknown" and named == ADDRESS:
        sentence = f"{says}, which only the `request` of a callback can."
        yield scope.problem(node, path, "reference_unknown", sentence)
    elif found.what == "unknown":
        near = meant(named, _visible(scope, node))
        sentence = f"{says}, but there is no node “{named}”.{near}"
        yield scope.problem(node, path, "reference_unknown", sentence)


def _visible(scope: Scope, node: str) -> frozenset[str]:
    here = scope.graph.ancestry[node] if scope.graph else frozenset()
    around = _visible(scope.outer, scope.container) if scope.outer else frozenset()
    return here | (scope.given or frozenset()) | around


def _field_problems(
    scope: Scope, node: str, path: Path, reference: Reference, found: Found
) -> Iterator[Problem]:
    """Where the named node says what its output has, the reference must lead into that."""
    assert found.scope is not None  # noqa: S101 - it is a node
    spec = found.scope.specs[reference.node]
    if spec.on_failure == "continue":
        yield from _fallback_problems(scope, node, path, reference, spec.fallback)
    schema = _schema_for(found, reference.node)
    for step in reference.path:
        if not isinstance(schema, Mapping) or not isinstance(step, str):
            return
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            return
        if step not in properties:
            closed = schema.get("additionalProperties") is False
            yield scope.problem(
                node,
                path,
                "reference_field_unknown",
                f"Node “{node}” names “{reference}” in its {place_name(path[:1])}, "
                f"but the output of “{spec.id}” has no “{step}” there; "
                f"it has {', '.join(map(str, properties))}.{meant(step, properties)}",
                severity=Severity.ERROR if closed else Severity.WARNING,
            )
            return
        schema = properties[step]


def _schema_for(found: Found, named: str) -> Mapping[str, Any] | None:
    """What the reader finds there: the output, or what is told of a failure when it comes after that."""
    assert found.scope is not None  # noqa: S101 - it is a node
    spec, graph = found.scope.specs[named], found.scope.known_graph
    whole = KINDS[spec.kind].output_schema(spec.config)
    if spec.on_failure != "route":
        return whole
    reached = {"failed": False, "other": False}
    for edge in graph.edges_out_of(named):
        if found.reader == edge.target or found.reader in graph.descendants(edge.target):
            reached["failed" if edge.branch == "failed" else "other"] = True
    if reached["failed"]:
        return None if reached["other"] else FAILURE
    return whole


def _fallback_problems(
    scope: Scope, node: str, path: Path, reference: Reference, fallback: Any
) -> Iterator[Problem]:
    try:
        references.resolve(Reference("fallback", reference.path), {"fallback": fallback})
    except references.ReferenceMissing:
        says = "has no `fallback`" if fallback is None else "has a `fallback` without that"
        yield scope.problem(
            node,
            path,
            "reference_after_failure",
            f"Node “{node}” names “{reference}”, but “{reference.node}” may fail and the run goes on, "
            f"and it {says}; then “{node}” fails. Give it a `fallback` that has it.",
            severity=Severity.WARNING,
        )


def _maybe_skipped(scope: Scope, node: str, path: Path, named: str) -> Problem:
    return scope.problem(
        node,
        path,
        "reference_maybe_skipped",
        f"Node “{node}” names “{named}”, which some branches skip; then “{node}” fails. "
        "Name a merge of the branches instead.",
        severity=Severity.WARNING,
    )
