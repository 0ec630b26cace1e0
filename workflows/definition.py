"""A definition as frozen values, and its canonical form: digest and YAML. Pure."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import rfc8785

from compliance.labels import DataClass, Labels
from workflows import references, retries, shape, source
from workflows.errors import DefinitionInvalid
from workflows.expressions import Comparison
from workflows.graph import Edge, Graph
from workflows.nodes import KINDS, Template
from workflows.retries import RetryRule
from workflows.source import Media, Path, Source
from workflows.yaml_text import to_yaml

__all__ = [
    "Body",
    "Budget",
    "Definition",
    "Edge",
    "NodeGraph",
    "NodeSpec",
    "build",
    "digest",
    "of_spec",
    "parse",
    "to_yaml",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One node. `config` is the dataclass of its kind; `line` None where there was no text.

    `timeout_seconds` bounds an attempt; None where the kind bounds its calls itself, or nothing is said.
    `fallback` is what those after it read when it failed and the run goes on. `body` is that of a container.
    """

    id: str
    kind: str
    title: str
    description: str = ""
    after: tuple[Edge, ...] = ()
    config: Any = None
    retry: tuple[RetryRule, ...] = ()
    timeout_seconds: float | None = None
    on_failure: Literal["fail", "continue", "route"] = "fail"
    fallback: Any = None
    respond_here: bool = False
    body: Body | None = None
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, kw_only=True)
class NodeGraph(ABC):
    """Nodes and the edges between them: a whole definition, or the body of a container."""

    nodes: tuple[NodeSpec, ...]

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

    def walk(self) -> Iterator[NodeSpec]:
        """Every node, and after a container those of its body."""
        for node in self.nodes:
            yield node
            if node.body is not None:
                yield from node.body.walk()

    def trail(self, node_id: str) -> tuple[str, ...]:
        """The containers around a node, the outermost first, and the node itself. Raises KeyError."""
        if node_id in self.by_id:
            return (node_id,)
        for node in self.nodes:
            if node.body is not None and any(inner.id == node_id for inner in node.body.walk()):
                return (node.id, *node.body.trail(node_id))
        raise KeyError(node_id)

    def reads(self, node_id: str) -> frozenset[str]:
        """The names whose values this node is given, and where its labels come from."""
        return self._reads[node_id]

    @cached_property
    def _reads(self) -> Mapping[str, frozenset[str]]:
        return {node.id: self._read_by(node) for node in self.nodes}

    @abstractmethod
    def _read_by(self, node: NodeSpec) -> frozenset[str]: ...


@dataclass(frozen=True, kw_only=True)
class Body(NodeGraph):
    """What a container runs. `given` are the names it is given each time, `after` what the container fills in once
    it ended."""

    container: str
    given: frozenset[str]
    after: tuple[Template, ...] = ()

    @cached_property
    def asked(self) -> frozenset[str]:
        """All that the container names once it ended."""
        return frozenset().union(*(_names_in(template) for template in self.after))

    @cached_property
    def answers(self) -> frozenset[str]:
        """The nodes of the body that the container names: its labels come from theirs."""
        return self.asked.intersection(self.by_id)

    @cached_property
    def outer_reads(self) -> frozenset[str]:
        """All that is named in here and comes from around the container."""
        named = self.asked.union(*(self.reads(node.id) for node in self.nodes))
        return named - self.given - frozenset(self.by_id)

    def _read_by(self, node: NodeSpec) -> frozenset[str]:
        """Nodes of the body before it, what is given, and names from around, which may be no nodes."""
        before = self.graph.ancestry[node.id]
        named = _named_in(node)
        if KINDS[node.kind].reads_everything(node.config):
            named |= before | self.given
        return named - frozenset(self.by_id) | (named & before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one run may spend."""

    amount_micros: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Definition(NodeGraph):
    """A whole workflow. `spec` is the plain JSON it came from; the digest is of that."""

    name: str
    title: str
    data_class: DataClass
    spec: Mapping[str, Any]
    description: str = ""
    on_worker_loss: Literal["resume", "fail"] = "resume"
    budget: Budget | None = None
    documentation: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def model_groups(self) -> frozenset[str]:
        return frozenset(node.config.model_group for node in self.walk() if node.kind == "llm")

    @cached_property
    def tools(self) -> frozenset[str]:
        """The tools that its nodes may call."""
        return frozenset(
            tool.value for node in self.walk() for tool in KINDS[node.kind].tools(node.config)
        )

    @cached_property
    def tool_nodes(self) -> tuple[NodeSpec, ...]:
        """The nodes that may call one."""
        return tuple(node for node in self.walk() if KINDS[node.kind].tools(node.config))

    @cached_property
    def approvals(self) -> frozenset[str]:
        """The nodes at which a person decides."""
        return frozenset(node.id for node in self.walk() if node.kind == "approval")

    @cached_property
    def sub_workflows(self) -> frozenset[str]:
        """The pinned versions it starts runs of: “slug@3”."""
        return frozenset(
            node.config.workflow for node in self.walk() if node.kind == "sub_workflow"
        )

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

    def _read_by(self, node: NodeSpec) -> frozenset[str]:
        """The upstream nodes that it names, and for a container those that its body names."""
        upstream = self.graph.ancestry[node.id]
        if KINDS[node.kind].reads_everything(node.config):
            return upstream
        return _named_in(node) & upstream


def named_by(node: NodeSpec) -> frozenset[str]:
    """What this node's own configuration names outside of its body, in templates or otherwise."""
    kind = KINDS[node.kind]
    named = {name.value for name in kind.names(node.config)}
    outside = (each for each in kind.templates(node.config) if not each.inside)
    return frozenset(named).union(*(_names_in(template) for template in outside))


def _named_in(node: NodeSpec) -> frozenset[str]:
    return named_by(node) | (node.body.outer_reads if node.body else frozenset())


def _names_in(template: Template) -> frozenset[str]:
    named = (reference.node for _, reference in references.references_in(template.value))
    return frozenset(named) - template.gives


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
        budget=Budget(**spec["budget"]) if "budget" in spec else None,
        documentation=spec.get("documentation", {}),
        nodes=build_nodes(read, ("nodes",)),
        spec=spec,
    )


def build_nodes(read: Source, path: Path) -> tuple[NodeSpec, ...]:
    """The nodes of the list at this path, which must have the form of one."""
    values = _at(read, path)
    kinds = {each["id"]: each["kind"] for each in values}
    return tuple(build_node(read, (*path, place), kinds) for place in range(len(values)))


def build_node(read: Source, path: Path, kinds: Mapping[str, str]) -> NodeSpec:
    """The node at this path, which must have the form of one; `kinds` are those of the nodes beside it."""
    values = _at(read, path)
    stands = read.place(path)
    kind = KINDS[values["kind"]]
    config = kind.read(values)
    # Where a kind has a time-out of its own, that is one of each call it makes.
    bounds_itself = "timeout_seconds" in kind.schema["properties"]
    return NodeSpec(
        id=values["id"],
        kind=kind.name,
        title=values.get("title", values["id"]),
        description=values.get("description", ""),
        after=tuple(edge_of(each, values["id"], kinds) for each in values.get("after", ())),
        config=config,
        retry=retries.read(values.get("retry")),
        timeout_seconds=None if bounds_itself else values.get("timeout_seconds"),
        on_failure=values.get("on_failure", "fail"),
        fallback=values.get("fallback"),
        respond_here=values.get("respond_here", False),
        body=_body(read, (*path, "body", "nodes"), values["id"], config) if kind.body else None,
        line=stands.line if stands else None,
        column=stands.column if stands else None,
    )


def _body(read: Source, path: Path, container: str, config: Any) -> Body:
    kind = KINDS[_at(read, path[:-2])["kind"]]
    assert kind.body is not None  # noqa: S101 - only containers come here
    return Body(
        container=container,
        given=kind.body(config),
        after=tuple(each for each in kind.templates(config) if each.inside),
        nodes=build_nodes(read, path),
    )


def edge_of(written: str | Mapping[str, Any], target: str, kinds: Mapping[str, str]) -> Edge:
    """`node`, `node:branch` or {node, branch?, when?}. Some kinds have a branch for edges that name none."""
    if isinstance(written, str):
        node, _, branch = written.partition(":")
        when = None
    else:
        node, branch = written["node"], written.get("branch", "")
        when = Comparison(**written["when"]) if "when" in written else None
    kind = KINDS.get(kinds.get(node, ""))
    plain = kind.plain_branch if kind else None
    return Edge(source=node, target=target, branch=branch or plain, when=when)


def _at(read: Source, path: Path) -> Any:
    value = read.value
    for step in path:
        value = value[step]
    return value


def digest(spec: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON (RFC 8785), in hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(dict(spec))).hexdigest()
