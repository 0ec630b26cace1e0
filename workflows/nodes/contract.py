"""What a node kind is, what it is handed and what it gives back. Pure.

A node cannot reach the world: `NodeContext` is all it gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from compliance.labels import Labels

Json = Any  # JSON values have no narrower static type here
Inputs = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNote:
    """Something worth an event of the run. Codes, counts and paths, never content."""

    event: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a node made. `labels` None means: those of its inputs, joined."""

    output: Json
    labels: Labels | None = None
    branch: str | None = None
    notes: tuple[NodeNote, ...] = ()


class NodeFailed(Exception):
    """A node could not do its work."""

    def __init__(self, code: str, sentence: str, *, notes: tuple[NodeNote, ...] = ()) -> None:
        self.code = code
        self.sentence = sentence
        self.notes = notes
        super().__init__(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What came back from a governed model call."""

    text: str
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int = 0
    labels: Labels | None = None  # what the filter added to those that went in


class NodeContext(Protocol):
    """All a node can see of its run and of the world."""

    @property
    def node_id(self) -> str: ...

    @property
    def attempt(self) -> int: ...

    @property
    def labels(self) -> Labels:
        """Labels of everything that flows in, joined."""
        ...

    @property
    def run_input(self) -> Json:
        """What the run was started with; only the input node reads it."""
        ...

    def model(
        self,
        *,
        model_group: str,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None,
        max_tokens: int,
        temperature: float,
        timeout_seconds: int,
        labels: Labels,
    ) -> ModelAnswer:
        """One governed model call. Raises NodeFailed when refused or out of models."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A place in a node's configuration that may name other nodes: its path and what is there."""

    path: tuple[str | int, ...]
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong in a node's configuration that its JSON Schema cannot say."""

    path: tuple[str | int, ...]
    code: str
    sentence: str


def nothing(_config: Any) -> Iterable[Any]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of node. `schema` describes its own members, beside those every node has."""

    name: str
    title: str
    sentence: str
    schema: Mapping[str, Any]
    read: Callable[[Mapping[str, Any]], Any]
    run: Callable[[NodeContext, Any, Inputs], Result]
    templates: Callable[[Any], Iterable[Template]] = nothing
    names: Callable[[Any], Iterable[Template]] = nothing  # nodes named outside of templates
    reads_everything: Callable[[Any], bool] = lambda _config: False
    branches: Callable[[Any], Iterable[str]] = nothing
    faults: Callable[[Any], Iterable[Fault]] = nothing
    output_schema: Callable[[Any], Mapping[str, Any] | None] = lambda _config: None
