"""A definition as frozen values, and its canonical form: digest and YAML. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import rfc8785

from compliance.labels import DataClass, Labels
from workflows import references, shape, source
from workflows.errors import DefinitionInvalid
from workflows.graph import Edge, Graph
from workflows.nodes import KINDS
from workflows.source import Media, Source
from workflows.yaml_text import to_yaml

__all__ = ["Definition", "Edge", "NodeSpec", "build", "digest", "of_spec", "parse", "to_yaml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One node. `config` is the dataclass of its kind; `line` None where there was no text."""

    id: str
    kind: str
    title: str
    description: str = ""
    after: tuple[Edge, ...] = ()
    config: Any = None
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A whole workflow. `spec` is the plain JSON it came from; the digest is of that."""

    name: str
    title: str
    data_class: DataClass
    nodes: tuple[NodeSpec, ...]
    spec: Mapping[str, Any]
    description: str = ""
    on_worker_loss: Literal["resume", "fail"] = "resume"
    documentation: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def graph(self) -> Graph:
        """Raises GraphIsBroken where an edge names an unknown node."""
        edges = (edge for node in self.nodes for edge in node.after)
        return Graph((node.id for node in self.nodes), edges)

    @cached_property
    def by_id(self) -> Mapping[str, NodeSpec]:
        return MappingProxyType({node.id: node for node in self.nodes})

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        return MappingProxyType({node.id: node.kind for node in self.nodes})

    def node(self, node_id: str) -> NodeSpec:
        return self.by_id[node_id]

    @cached_property
    def model_groups(self) -> frozenset[str]:
        return frozenset(node.config.model_group for node in self.nodes if node.kind == "llm")

    @property
    def input_node(self) -> NodeSpec:
        """Where a run begins. Raises DefinitionInvalid for a draft that has none yet."""
        for node in self.nodes:
            if node.kind == "input":
                return node
        raise DefinitionInvalid("There is no node of kind input, where a run would begin.")

    @property
    def input_schema(self) -> Mapping[str, Any]:
        schema: Mapping[str, Any] = self.input_node.config.schema
        return schema

    @property
    def input_labels(self) -> Labels:
        """What the input node declares of whatever comes in."""
        labels: Labels = self.input_node.config.labels
        return labels

    @cached_property
    def _reads(self) -> Mapping[str, frozenset[str]]:
        return {node.id: self._read_by(node) for node in self.nodes}

    def reads(self, node_id: str) -> frozenset[str]:
        """The upstream nodes whose outputs this node names: all it is given, and where its labels
        come from."""
        return self._reads[node_id]

    def _read_by(self, node: NodeSpec) -> frozenset[str]:
        upstream = self.graph.ancestry[node.id]
        if KINDS[node.kind].reads_everything(node.config):
            return upstream
        return named_by(node) & upstream


def named_by(node: NodeSpec) -> frozenset[str]:
    """The nodes that this node's configuration names, in templates or otherwise."""
    kind = KINDS[node.kind]
    named = {name.value for name in kind.names(node.config)}
    for template in kind.templates(node.config):
        named |= {reference.node for _, reference in references.references_in(template.value)}
    return frozenset(named)


def parse(text: str | bytes, *, media: Media = "yaml") -> Definition:
    """Read a definition. Raises SourceUnreadable, or DefinitionInvalid with `problems`.

    Looks at the form only; `validation.check` also looks at the graph and its references.
    """
    return build(source.read(text, media=media))


def of_spec(spec: Mapping[str, Any]) -> Definition:
    """The definition of a stored spec. Raises DefinitionInvalid."""
    return build(source.of_value(spec))


def build(read: Source) -> Definition:
    """Raises DefinitionInvalid with `problems` where the form is not that of a definition."""
    problems = shape.check(read)
    if problems:
        raise DefinitionInvalid(
            str(problems[0]), problems=[problem.to_json() for problem in problems]
        )
    spec = read.value
    return Definition(
        name=spec["name"],
        title=spec.get("title", spec["name"]),
        description=spec.get("description", ""),
        data_class=DataClass.from_word(spec["data_class"]),
        on_worker_loss=spec.get("on_worker_loss", "resume"),
        documentation=spec.get("documentation", {}),
        nodes=tuple(build_node(read, place) for place in range(len(spec["nodes"]))),
        spec=spec,
    )


def build_node(read: Source, place: int) -> NodeSpec:
    """The node at this place in the list, which must have the form of one."""
    values = read.value["nodes"][place]
    stands = read.place(("nodes", place))
    return NodeSpec(
        id=values["id"],
        kind=values["kind"],
        title=values.get("title", values["id"]),
        description=values.get("description", ""),
        after=tuple(edge_of(written, values["id"]) for written in values.get("after", ())),
        config=KINDS[values["kind"]].read(values),
        line=stands.line if stands else None,
        column=stands.column if stands else None,
    )


def edge_of(written: str, target: str) -> Edge:
    """`node` or `node:branch`."""
    node, _, branch = written.partition(":")
    return Edge(source=node, target=target, branch=branch or None)


def digest(spec: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON (RFC 8785), in hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(dict(spec))).hexdigest()
