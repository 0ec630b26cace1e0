"""What a node was given: the values it declared it reads, gathered from the record as the executor gathers them.

What a body was given (the entry, its number, the round before) is on no record: it follows from what was
recorded, because a container decides by that alone.
"""

from collections.abc import Collection, Mapping
from typing import Any

from runs import paths, payloads
from runs.models import NodeExecution, NodeStatus, Run
from workflows.definition import Body, NodeGraph, NodeSpec
from workflows.nodes import KINDS, BodyEnd, Ends, NodeFailed


class Given:
    """Opens payloads: only for those who may see them."""

    def __init__(self, run: Run, nodes: NodeGraph) -> None:
        self.run = run
        self.nodes = nodes

    def to_node(self, path: str) -> dict[str, Any]:
        graph, node = self._graph(paths.body_of(path)), paths.node_of(path)
        return self._values(paths.body_of(path), graph.reads(node)) if node in graph.by_id else {}

    def _graph(self, body: str) -> NodeGraph:
        found = self.nodes
        for name in paths.trail(paths.container_of(body)) if body else ():
            inside = found.node(name).body
            assert inside is not None  # noqa: S101 - only a container has bodies
            found = inside
        return found

    def _values(self, body: str, names: Collection[str]) -> dict[str, Any]:
        """The values of these names as they are seen in a body, or in the run itself."""
        graph = self._graph(body)
        own = [name for name in names if name in graph.by_id]
        values = self._outputs(graph, body, own)
        others = [name for name in names if name not in graph.by_id]
        if not others:
            return values
        if not body:  # a child run that is a body was given all that its nodes may name
            whole = payloads.open_payload(self.run, "input_sealed")
            return values | {name: whole[name] for name in others if name in whole}
        given = set(others) & graph.given if isinstance(graph, Body) else set()
        if given:
            values |= {name: value for name, value in self._given(body).items() if name in given}
        outside = [name for name in others if name not in given]
        around = paths.body_of(paths.container_of(body))
        return values | (self._values(around, outside) if outside else {})

    def _given(self, body: str) -> Mapping[str, Any]:
        """What the container gave this body: it is asked again, with what was recorded of the bodies before."""
        container, place = paths.container_of(body), paths.place_of(body)
        outer = self._graph(paths.body_of(container))
        spec = outer.node(paths.node_of(container))
        inputs = self._values(paths.body_of(container), outer.reads(spec.id))
        ends = [BodyEnd(given={}, outputs={})] * place
        if KINDS[spec.kind].carries_over and place:
            ends[-1] = self._end(spec, paths.body_path(container, place - 1))
        kind = KINDS[spec.kind]
        assert kind.next is not None  # noqa: S101 - whatever has a body has a next
        try:
            step = kind.next(kind.opens(spec.config, inputs), inputs, Ends(ends))
        except NodeFailed:
            return {}
        return step.start[0] if step.start else {}

    def _end(self, spec: NodeSpec, body: str) -> BodyEnd:
        """How a body ended. What it was given in turn is asked for only where the container names it."""
        assert spec.body is not None  # noqa: S101 - only a container has bodies
        named = spec.body.asked & spec.body.given - {"round"}
        given = self._given(body) if named else {"round": paths.place_of(body) + 1}
        return BodyEnd(given=given, outputs=self._outputs(spec.body, body, spec.body.answers))

    def _outputs(self, graph: NodeGraph, body: str, names: Collection[str]) -> dict[str, Any]:
        """What these nodes made, or what stands in its place where one failed and the run went on."""
        if not names:
            return {}
        wanted = {paths.node_path(body, name): name for name in names}
        rows = self.run.node_executions.filter(node_id__in=list(wanted)).order_by("attempt")
        return {
            wanted[row.node_id]: value
            for row in rows
            for value in self._value(graph.node(wanted[row.node_id]), row)
        }

    def _value(self, spec: NodeSpec, row: NodeExecution) -> list[Any]:
        """One value, or none."""
        if row.status == NodeStatus.COMPLETED:
            return [payloads.open_payload(row, "output_sealed")]
        if row.status == NodeStatus.FAILED and spec.on_failure == "continue":
            return [spec.fallback]
        if row.status == NodeStatus.FAILED and spec.on_failure == "route":
            return [{"code": row.error_code, "sentence": row.error_sentence}]
        return []
