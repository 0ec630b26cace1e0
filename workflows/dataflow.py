"""The most that can reach each node: declared labels, joined along what nodes read. Pure.

Sources are what comes in (with the class that the definition declares) and destinations whose address is written out.
What a store or a sub-workflow gives back carries labels of its own; they are asked about when it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from compliance import detectors
from compliance.labels import DataClass, Labels, join
from workflows.checks.known import origin_of
from workflows.definition import Body, Definition, NodeGraph, NodeSpec
from workflows.nodes import KINDS

ROUNDS = 20  # a container that carries over reads what its bodies made; labels only grow, so this ends early


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What reaches each node and what it gives on, and from which nodes that comes. Ids are those of the definition."""

    into: Mapping[str, Labels]
    out: Mapping[str, Labels]
    sources: Mapping[str, tuple[str, ...]]

    def way(self, node: str, is_cause: Callable[[Labels], bool]) -> tuple[str, ...]:
        """The nodes through which it comes, from the first that brings it in to this one."""
        path, seen = [node], {node}
        while True:
            before = next(
                (
                    each
                    for each in self.sources[path[0]]
                    if each not in seen and is_cause(self.out[each])
                ),
                None,
            )
            if before is None:
                return tuple(path)
            path.insert(0, before)
            seen.add(before)


def flow_of(
    definition: Definition,
    answer_classes: Mapping[str, DataClass] = MappingProxyType({}),
) -> Flow:
    """Follow the labels of a sound definition. `answer_classes`: of declared destinations, by “https://host:443”."""
    coming = definition.input_labels
    start = Labels(
        data_class=max(coming.data_class, DataClass(definition.data_class)),
        integrity=coming.integrity,
        tags=coming.tags,
        residency=coming.residency,
    )
    following = _Following(start=start, answer_classes=answer_classes)
    following.follow(definition, outer=Labels(), around=())
    return Flow(into=following.into, out=following.out, sources=following.sources)


@dataclass(kw_only=True)
class _Following:
    start: Labels
    answer_classes: Mapping[str, DataClass]
    into: dict[str, Labels] = field(default_factory=dict)
    out: dict[str, Labels] = field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def follow(self, nodes: NodeGraph, *, outer: Labels, around: tuple[str, ...]) -> None:
        """`outer` is what a body is given, `around` the nodes that this comes from."""
        for node in nodes.graph.order:
            reads = nodes.reads(node)
            near = [each for each in nodes.graph.nodes if each in reads]
            parts = [self.out[each] for each in near if each in self.out]
            is_given = any(each not in nodes.by_id for each in reads)
            spec = nodes.node(node)
            if spec.kind == "input":
                parts.append(self.start)
            self.into[node] = join(*parts, *([outer] if is_given else []))
            self.sources[node] = (*near, *(around if is_given else ()))
            self.out[node] = self._through(spec, self.into[node])

    def _through(self, spec: NodeSpec, coming: Labels) -> Labels:
        if spec.body is not None:
            return self._through_bodies(spec, spec.body, coming)
        if spec.kind == "redact":
            return coming.without_tags(*detectors.tags_cleared_by(spec.config.detect))
        answers = [
            Labels(data_class=self.answer_classes[origin])
            for origin in _origins(spec)
            if origin in self.answer_classes
        ]
        return join(coming, *answers)

    def _through_bodies(self, spec: NodeSpec, body: Body, coming: Labels) -> Labels:
        """What came in and what the container names of its bodies; where rounds carry over, again until it holds."""
        given = coming
        for _round in range(ROUNDS):
            self.follow(body, outer=given, around=self.sources[spec.id])
            made = join(coming, *(self.out[each] for each in body.answers))
            if not KINDS[spec.kind].carries_over or made == given:
                break
            given = made
        return made


def _origins(spec: NodeSpec) -> Iterator[str]:
    """The destinations that a tool call names by an address that is written out."""
    arguments = getattr(spec.config, "arguments", None)
    if spec.kind == "tool" and isinstance(arguments, Mapping):
        yield origin_of(arguments.get("url"))
