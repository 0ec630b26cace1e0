"""Everything that is wrong with a definition: its form, its graph, its references. Pure.

A draft is saved with these problems listed; review, publication and import refuse errors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows import references, shape, source
from workflows.definition import NodeSpec, build_node, edge_of
from workflows.errors import SourceUnreadable
from workflows.graph import Edge, Graph
from workflows.json_schemas import place_name
from workflows.nodes import KINDS
from workflows.problems import Problem, Severity, meant
from workflows.references import Reference
from workflows.source import Media, Path, Source

JOINING = frozenset({"merge", "output"})  # they wait for live branches only


def check(
    text: str | bytes | Mapping[str, Any],
    *,
    media: Media = "yaml",
    model_groups: Collection[str] | None = None,
) -> list[Problem]:
    """All problems of a text or a spec, in the order of its lines.

    `model_groups` are the names that exist; None leaves them unchecked.
    """
    try:
        read = (
            source.of_value(text) if isinstance(text, Mapping) else source.read(text, media=media)
        )
    except SourceUnreadable as error:
        return [unreadable(error)]
    return check_source(read, model_groups=model_groups)


def unreadable(error: SourceUnreadable) -> Problem:
    """The one problem of a text that cannot be read."""
    return Problem(
        code=error.problem_code,
        sentence=error.sentence,
        line=error.line,
        column=error.column,
    )


def check_source(read: Source, *, model_groups: Collection[str] | None = None) -> list[Problem]:
    """All problems of what was read, in the order of its lines."""
    found = shape.check_places(read)
    problems = [problem for _, problem in found]
    draft = _Draft.of(read, [path for path, _ in found])
    problems += _graph_problems(draft)
    if draft.graph is not None:
        problems += _reference_problems(draft, draft.graph)
    problems += _config_problems(draft)
    problems += _model_group_problems(draft, model_groups)
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """What can be told of a definition that may have problems."""

    source: Source
    places: Mapping[str, int]  # id → place in the list of nodes
    kinds: Mapping[str, str]
    edges: tuple[tuple[Edge, Path], ...]
    specs: Mapping[str, NodeSpec]  # the nodes that have the form of one
    graph: Graph | None = field(default=None)  # None while it is broken or has a cycle

    @classmethod
    def of(cls, read: Source, broken_paths: list[Path]) -> _Draft:
        nodes = _listed(read.value, "nodes")
        places: dict[str, int] = {}
        for place, node in enumerate(nodes):
            if node_id := shape.readable_id(node):
                places.setdefault(node_id, place)
        broken = {path[1] for path in broken_paths if path}
        kinds = {node_id: str(nodes[place].get("kind")) for node_id, place in places.items()}
        edges = tuple(
            (edge_of(written, node_id, kinds), ("nodes", place, "after", count))
            for node_id, place in places.items()
            for count, written in enumerate(_listed(nodes[place], "after"))
            if isinstance(written, str)
        )
        return cls(
            source=read,
            places=places,
            kinds=kinds,
            edges=edges,
            specs={
                node_id: build_node(read, ("nodes", place), kinds)
                for node_id, place in places.items()
                if place not in broken
            },
            graph=_sound_graph(places, [edge for edge, _ in edges]),
        )

    def doubtful(self, graph: Graph) -> frozenset[str]:
        """Nodes at and after an edge that names no node: what is upstream of them is not known."""
        mistaken = {edge.target for edge, _ in self.edges if edge.source not in self.places}
        return frozenset(mistaken).union(*(graph.descendants(node) for node in mistaken))

    def problem(self, node: str, path: Path, code: str, sentence: str, **more: Any) -> Problem:
        """A problem at a path inside a node."""
        whole = ("nodes", self.places[node], *path)
        return shape.problem_at(self.source, whole, node=node, code=code, sentence=sentence, **more)


def _listed(value: Any, member: str) -> list[Any]:
    inner = value.get(member) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []


def _sound_graph(places: Mapping[str, int], edges: list[Edge]) -> Graph | None:
    known = [edge for edge in edges if edge.source in places and edge.source != edge.target]
    graph = Graph(places, known)
    return None if graph.find_cycle() else graph


def _graph_problems(draft: _Draft) -> Iterator[Problem]:
    yield from _edge_problems(draft)
    known = [edge for edge, _ in draft.edges if edge.source in draft.places]
    graph = Graph(draft.places, known)
    if cycle := graph.find_cycle():
        yield draft.problem(
            cycle[0],
            ("after",),
            "graph_cycle",
            f"The graph goes round in a circle: {' → '.join(cycle)}. "
            f"Take one of these out of the `after` of the next.",
        )
    if not draft.places:
        return
    yield from _end_problems(draft, graph)
    yield from _reach_problems(draft, graph)


def _edge_problems(draft: _Draft) -> Iterator[Problem]:
    for edge, path in draft.edges:
        if edge.source not in draft.places:
            yield draft.problem(
                edge.target,
                path[2:],
                "edge_source_unknown",
                f"Node “{edge.target}” comes after “{edge.source}”, which is not a node."
                f"{meant(edge.source, draft.places)}",
            )
            continue
        kind = draft.kinds[edge.source]
        if edge.branch is None:
            continue
        if kind != "condition":
            yield draft.problem(
                edge.target,
                path[2:],
                "branch_without_condition",
                f"Node “{edge.target}” waits for branch “{edge.branch}” of “{edge.source}”, which "
                f"is of kind {kind} and has no branches. Write only “{edge.source}”.",
            )
        elif edge.source in draft.specs:
            branches = list(KINDS[kind].branches(draft.specs[edge.source].config))
            if edge.branch not in branches:
                yield draft.problem(
                    edge.target,
                    path[2:],
                    "branch_unknown",
                    f"Node “{edge.target}” waits for branch “{edge.branch}” of “{edge.source}”, "
                    f"which has only {', '.join(branches)}.{meant(edge.branch, branches)}",
                )


def _end_problems(draft: _Draft, graph: Graph) -> Iterator[Problem]:
    inputs = [node for node, kind in draft.kinds.items() if kind == "input"]
    if not inputs:
        yield shape.problem_at(
            draft.source,
            ("nodes",),
            code="input_missing",
            sentence="There is no node of kind input. A run begins there: add exactly one.",
        )
    for node in inputs[1:]:
        yield draft.problem(
            node,
            ("kind",),
            "input_second",
            f"Node “{node}” is a second input beside “{inputs[0]}”. Keep exactly one.",
        )
    for node in inputs:
        if graph.edges_into(node):
            yield draft.problem(
                node,
                ("after",),
                "input_not_first",
                f"Node “{node}” is the input and comes after nothing. Remove its `after`.",
            )
    if "output" not in draft.kinds.values():
        yield shape.problem_at(
            draft.source,
            ("nodes",),
            code="output_missing",
            sentence="There is no node of kind output. Add one that says what a run answers.",
        )


def _reach_problems(draft: _Draft, graph: Graph) -> Iterator[Problem]:
    inputs = [node for node, kind in draft.kinds.items() if kind == "input"]
    mistaken = {edge.target for edge, _ in draft.edges if edge.source not in draft.places}
    for node, kind in draft.kinds.items():
        # Only where a way begins: all that comes after it needs no second sentence.
        if inputs and kind != "input" and node in graph.roots and node not in mistaken:
            yield draft.problem(
                node,
                (),
                "node_unreachable",
                f"Node “{node}” cannot be reached from the input “{inputs[0]}”. "
                "Name a node in its `after`, or remove it.",
            )
        elif kind != "output" and not graph.edges_out_of(node):
            yield draft.problem(
                node,
                (),
                "node_unused",
                f"Nothing comes after node “{node}”, and it is not an output.",
                severity=Severity.WARNING,
            )


def _reference_problems(draft: _Draft, graph: Graph) -> Iterator[Problem]:
    sure = _surely_live(draft, graph)
    for node, spec in draft.specs.items():
        kind = KINDS[spec.kind]
        for template in kind.templates(spec.config):
            for inner, text in references.texts_in(template.value):
                path = (*template.path, *inner)
                try:
                    parts = references.parse(text)
                except references.TemplateUnreadable as error:
                    told = f"Node “{node}”, {place_name(path)}: {error}"
                    yield draft.problem(node, path, "template_unreadable", told)
                    continue
                lenient = spec.kind == "output" and len(parts) == 1
                for part in parts:
                    if isinstance(part, Reference):
                        yield from _one_reference(draft, graph, node, path, part)
                        if part.node in graph.ancestry[node] - sure[node] and not lenient:
                            yield _maybe_skipped(draft, node, path, part.node)
        for name in kind.names(spec.config):
            if name.path != ("after",):
                yield from _one_reference(draft, graph, node, name.path, Reference(name.value))


def _one_reference(
    draft: _Draft, graph: Graph, node: str, path: Path, reference: Reference
) -> Iterator[Problem]:
    named, where = reference.node, place_name(path[:1])
    says = f"Node “{node}” names “{reference}” in its {where}"
    if named not in draft.places:
        yield draft.problem(
            node,
            path,
            "reference_unknown",
            f"{says}, but there is no node “{named}”.{meant(named, graph.ancestry[node])}",
        )
    elif named == node:
        yield draft.problem(
            node, path, "reference_not_upstream", f"{says}, but a node cannot read its own output."
        )
    elif named not in graph.ancestry[node] and node not in draft.doubtful(graph):
        yield draft.problem(
            node,
            path,
            "reference_not_upstream",
            f"{says}, but {named} is not upstream of it. "
            f"Add {named} to its `after`, or remove the reference.",
        )
    elif named in draft.specs and reference.path:
        yield from _field_problem(draft, node, path, reference, says)


def _field_problem(
    draft: _Draft, node: str, path: Path, reference: Reference, says: str
) -> Iterator[Problem]:
    """Where the named node says what its output has, the reference must lead into that."""
    spec = draft.specs[reference.node]
    schema = KINDS[spec.kind].output_schema(spec.config)
    for step in reference.path:
        if not isinstance(schema, Mapping) or not isinstance(step, str):
            return
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            return
        if step not in properties:
            closed = schema.get("additionalProperties") is False
            yield draft.problem(
                node,
                path,
                "reference_field_unknown",
                f"{says}, but the output of “{spec.id}” has no “{step}” there; "
                f"it has {', '.join(map(str, properties))}.{meant(step, properties)}",
                severity=Severity.ERROR if closed else Severity.WARNING,
            )
            return
        schema = properties[step]


def _surely_live(draft: _Draft, graph: Graph) -> dict[str, frozenset[str]]:
    """For each node, the nodes that have an output whenever it runs."""
    sure: dict[str, frozenset[str]] = {}
    for node in graph.order:
        each = [sure[source] | {source} for source in graph.sources(node)]
        if draft.kinds[node] in JOINING and each:
            sure[node] = frozenset.intersection(*map(frozenset, each))
        else:
            sure[node] = frozenset().union(*each)
    return sure


def _maybe_skipped(draft: _Draft, node: str, path: Path, named: str) -> Problem:
    return draft.problem(
        node,
        path,
        "reference_maybe_skipped",
        f"Node “{node}” names “{named}”, which some branches skip; then “{node}” fails. "
        "Name a merge of the branches instead.",
        severity=Severity.WARNING,
    )


def _config_problems(draft: _Draft) -> Iterator[Problem]:
    for node, spec in draft.specs.items():
        for fault in KINDS[spec.kind].faults(spec.config):
            yield draft.problem(node, fault.path, fault.code, f"Node “{node}”: {fault.sentence}")


def _model_group_problems(draft: _Draft, model_groups: Collection[str] | None) -> Iterator[Problem]:
    if model_groups is None:
        return
    for node, spec in draft.specs.items():
        if spec.kind == "llm" and spec.config.model_group not in model_groups:
            group = spec.config.model_group
            known = ", ".join(sorted(model_groups)) or "none yet"
            yield draft.problem(
                node,
                ("model_group",),
                "model_group_unknown",
                f"Node “{node}” asks model group “{group}”, which does not exist. "
                f"There are: {known}.{meant(group, model_groups)}",
            )
