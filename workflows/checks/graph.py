"""Edges, beginnings and ends: whether the nodes of a definition and of its bodies hang together."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from workflows import shape
from workflows.checks.scopes import Scope
from workflows.definition_schema import MAX_NODES
from workflows.graph import Edge, Graph
from workflows.nodes import KINDS
from workflows.problems import Problem, Severity, meant
from workflows.references import TemplateUnreadable
from workflows.source import Path

LONGEST_PATH = 200  # of a node in a body of a body, with the numbers of both
LONGEST_NUMBER = len("[9999]")


def problems(top: Scope) -> Iterator[Problem]:
    if len(top.home) > MAX_NODES:
        sentence = f"There are {len(top.home):,} nodes, those in bodies included; {MAX_NODES:,} are allowed."
        yield shape.problem_at(top.source, ("nodes",), code="too_many_nodes", sentence=sentence)
    for scope in top.walk():
        yield from _edge_problems(scope)
        yield from _cycle_problems(scope)
        yield from _unused_problems(scope)
        yield from _name_problems(scope)
    if top.places:
        yield from _end_problems(top)
        yield from _reach_problems(top, top.known_graph)


def _edge_problems(scope: Scope) -> Iterator[Problem]:
    for edge, path in scope.edges:
        if edge.source not in scope.places:
            yield _source_unknown(scope, edge, path)
        elif edge.branch is not None:
            yield from _branch_problems(scope, edge, path)


def _source_unknown(scope: Scope, edge: Edge, path: Path) -> Problem:
    says = f"Node “{edge.target}” comes after “{edge.source}”"
    home = scope.home.get(edge.source)
    if home is None:
        sentence = f"{says}, which is not a node.{meant(edge.source, scope.places)}"
        return scope.problem(edge.target, path, "edge_source_unknown", sentence)
    if home in scope.around:
        sentence = (
            f"{says}, which is outside of the body of “{scope.container}”. No edge leads into a body: "
            "remove it; what comes before the container can be read by its name."
        )
        return scope.problem(edge.target, path, "edge_into_body", sentence)
    sentence = (
        f"{says}, which is inside the body of “{home.container}”. No edge leads out of a body: "
        f"come after “{home.container}”."
    )
    return scope.problem(edge.target, path, "edge_out_of_body", sentence)


def _branch_problems(scope: Scope, edge: Edge, path: Path) -> Iterator[Problem]:
    branches = scope.branches(edge.source)
    if branches is None or edge.branch in branches:
        return
    waits = f"Node “{edge.target}” waits for branch “{edge.branch}” of “{edge.source}”, which"
    kind = scope.kinds[edge.source]
    if edge.branch == "failed":
        code = "failed_without_route"
        sentence = f"{waits} does not say what happens when it failed. Give it “on_failure: route”."
    elif not branches:
        code = "branch_without_condition"
        sentence = f"{waits} is of kind {kind} and has no branches. Write only “{edge.source}”."
    else:
        code = "branch_unknown"
        sentence = f"{waits} has only {', '.join(branches)}.{meant(edge.branch, branches)}"
    yield scope.problem(edge.target, path, code, sentence)


def _cycle_problems(scope: Scope) -> Iterator[Problem]:
    if cycle := scope.known_graph.find_cycle():
        yield scope.problem(
            cycle[0],
            ("after",),
            "graph_cycle",
            f"The graph goes round in a circle: {' → '.join(cycle)}. "
            f"Take one of these out of the `after` of the next.",
        )


def _unused_problems(scope: Scope) -> Iterator[Problem]:
    """Nodes whose work goes nowhere: nothing comes after them, nobody reads them, and they act on nothing."""
    for node, spec in scope.specs.items():
        kind = KINDS[spec.kind]
        acts = not (kind.pure or spec.kind == "llm") or spec.respond_here
        if scope.known_graph.edges_out_of(node) or spec.kind == "output" or acts:
            continue
        if scope.outer is None:
            if not _is_unreachable(scope, node):
                sentence = f"Nothing comes after node “{node}”, and it is not an output."
                yield scope.problem(node, (), "node_unused", sentence, severity=Severity.WARNING)
            continue
        if node not in _answers(scope, scope.outer):
            sentence = (
                f"Nothing comes after node “{node}”, and “{scope.container}” does not name it in what "
                "it makes of its body."
            )
            yield scope.problem(node, (), "node_unused", sentence, severity=Severity.WARNING)


def _answers(scope: Scope, outer: Scope) -> Collection[str]:
    """The nodes of a body that its container names; all of them while that cannot be read."""
    spec = outer.specs.get(scope.container)
    if spec is None or spec.body is None:
        return scope.places
    try:
        return spec.body.answers
    except TemplateUnreadable:  # told where all templates are looked at
        return scope.places


def _name_problems(scope: Scope) -> Iterator[Problem]:
    """Names that a body is given must be no node's; and the path of a node in a body is kept short."""
    if scope.outer is None:
        return
    visible = (scope, *scope.around)
    for name in sorted(scope.given or ()):
        home = next((each for each in visible if name in each.places), None)
        if home is not None:
            yield home.problem(
                name,
                ("id",),
                "name_taken",
                f"The body of “{scope.container}” is given “{name}”, which is also the id of a node. "
                f"Give the node another id{', or write another `as`' if name != 'index' else ''}.",
            )
    containers = [each.container for each in visible if each.container]
    for node in scope.places:
        length = len(node) + sum(len(each) + LONGEST_NUMBER + 1 for each in containers)
        if length > LONGEST_PATH:
            yield scope.problem(
                node,
                ("id",),
                "ids_too_long",
                f"Node “{node}” and the containers around it have ids that are too long together: "
                f"{length} characters, {LONGEST_PATH} are allowed.",
            )


def _end_problems(top: Scope) -> Iterator[Problem]:
    inputs = [node for node, kind in top.kinds.items() if kind == "input"]
    if not inputs:
        yield shape.problem_at(
            top.source,
            ("nodes",),
            code="input_missing",
            sentence="There is no node of kind input. A run begins there: add exactly one.",
        )
    for node in inputs[1:]:
        yield top.problem(
            node,
            ("kind",),
            "input_second",
            f"Node “{node}” is a second input beside “{inputs[0]}”. Keep exactly one.",
        )
    for node in inputs:
        if top.known_graph.edges_into(node):
            yield top.problem(
                node,
                ("after",),
                "input_not_first",
                f"Node “{node}” is the input and comes after nothing. Remove its `after`.",
            )
    if "output" not in top.kinds.values():
        yield shape.problem_at(
            top.source,
            ("nodes",),
            code="output_missing",
            sentence="There is no node of kind output. Add one that says what a run answers.",
        )


def _reach_problems(top: Scope, graph: Graph) -> Iterator[Problem]:
    inputs = [node for node, kind in top.kinds.items() if kind == "input"]
    for node in graph.roots:
        # Only where a way begins: all that comes after it needs no second sentence.
        if inputs and _is_unreachable(top, node):
            yield top.problem(
                node,
                (),
                "node_unreachable",
                f"Node “{node}” cannot be reached from the input “{inputs[0]}”. "
                "Name a node in its `after`, or remove it.",
            )


def _is_unreachable(top: Scope, node: str) -> bool:
    mistaken = {edge.target for edge, _ in top.edges if edge.source not in top.places}
    return (
        top.kinds[node] != "input"
        and "input" in top.kinds.values()
        and node in top.known_graph.roots
        and node not in mistaken
    )
