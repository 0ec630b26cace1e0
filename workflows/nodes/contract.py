"""What a node kind is, what it is handed and what it gives back. Pure.

A node cannot reach the world: `NodeContext` is all it gets. A node that has to wait gives back a
`Pause` and is resumed with an `Answer`; a container says by `Step` which bodies start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from compliance.labels import Labels

if TYPE_CHECKING:
    from workflows.nodes.bodies import Ends

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstCall:
    """The model call that a node begins with, whatever follows. What is known before a node starts is decided before,
    and is on record together with its start."""

    model_group: str
    messages: Sequence[Mapping[str, str]]
    schema: Mapping[str, Any] | None
    max_tokens: int
    temperature: float
    timeout_seconds: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """What came back from a governed tool call."""

    output: Json
    labels: Labels | None = None  # what the tool added to those that went in


WaitKind = Literal["delay", "callback", "approval", "child"]
Verdict = Literal["", "approved", "refused", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The node waits: for a moment, for somebody, or for a child run. `about` holds names and ids, never content."""

    kind: WaitKind
    until: datetime | None = None
    about: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What ended a pause. `about` is that of the pause; `verdict` and `by` are empty where nobody decided."""

    kind: WaitKind
    expired: bool = False
    output: Json = None
    labels: Labels | None = None
    by: str = ""
    verdict: Verdict = ""
    code: str = ""
    sentence: str = ""
    about: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyEnd:
    """How one body of a container ended: the outputs of its nodes by id, or the failure's code and sentence."""

    given: Mapping[str, Json]
    outputs: Mapping[str, Json] = field(default_factory=dict)
    code: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a container does next: bodies to start with what each is given, or its result. Neither: it waits."""

    start: tuple[Mapping[str, Json], ...] = ()
    result: Result | None = None
    in_children: bool = False  # each body that starts is a run of its own
    notes: tuple[NodeNote, ...] = ()  # written down together with what starts


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

    def tool(
        self,
        *,
        name: str,
        arguments: Mapping[str, Json],
        idempotent: bool,
        timeout_seconds: int,
        labels: Labels,
    ) -> ToolAnswer:
        """One governed tool call. Raises NodeFailed when refused or without success."""
        ...

    def now(self) -> datetime:
        """The moment of this attempt, with its time zone."""
        ...

    @property
    def branches(self) -> frozenset[str]:
        """The branches of this node that something comes after."""
        ...

    def ask(
        self,
        *,
        kind: Literal["callback", "approval"],
        question: Json,
        schema: Mapping[str, Any] | None,
        expires_at: datetime,
        approver: str = "",
    ) -> Pause:
        """Put a question on record, sealed; the node waits for its answer with the pause it gets back."""
        ...

    @property
    def callback_url(self) -> str:
        """Where the callback that was asked for is answered, once; empty before `ask`, and where it has been."""
        ...

    def child(self, *, workflow: str, run_input: Json) -> Pause:
        """Start a run of another workflow (“slug@3”); the node waits for its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A place in a node's configuration that may name other nodes: its path and what is there.

    `gives` are names that are no nodes and can be used there. `inside` marks what a container fills in once a
    body ended, where the body's nodes and what it was given can be named, too.
    """

    path: tuple[str | int, ...]
    value: Json
    gives: frozenset[str] = frozenset()
    inside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong in a node's configuration that its JSON Schema cannot say."""

    path: tuple[str | int, ...]
    code: str
    sentence: str


def nothing(_config: Any) -> Iterable[Any]:
    return ()


def is_driven_by_next(_ctx: NodeContext, _config: Any, _inputs: Inputs) -> Result:
    """What a container has in place of a `run`."""
    raise TypeError("A container has no run of its own; ask its `next`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of node. `schema` describes its own members, beside those every node has.

    An ordinary kind has a `run`; one whose `run` may give back a Pause also has a `resume`. A container has a
    `body`, which names what it gives to each, and a `next`: pure and deterministic, asked when the container opens
    and whenever a body ended, with one entry for each body in the order of their start. What is worked out once, when
    it opens, `opens` fills into the configuration that `next` is asked with.
    """

    name: str
    title: str
    sentence: str
    schema: Mapping[str, Any]
    read: Callable[[Mapping[str, Any]], Any]
    run: Callable[[NodeContext, Any, Inputs], Result | Pause] = is_driven_by_next
    resume: Callable[[NodeContext, Any, Inputs, Answer], Result | Pause] | None = None
    next: Callable[[Any, Inputs, Ends], Step] | None = None
    opens: Callable[[Any, Inputs], Any] = lambda config, _inputs: config
    body: Callable[[Any], frozenset[str]] | None = None
    carries_over: bool = False  # a body is given what those before it made, and its labels
    pure: bool = False  # without effects and quick: it may run on the spot
    first_call: Callable[[Any, Inputs], FirstCall] | None = (
        None  # where it always asks a model first
    )
    templates: Callable[[Any], Iterable[Template]] = nothing
    names: Callable[[Any], Iterable[Template]] = nothing  # nodes named outside of templates
    reads_everything: Callable[[Any], bool] = lambda _config: False
    branches: Callable[[Any], Iterable[str]] = nothing
    plain_branch: str | None = None  # the branch that an edge waits for which names none
    tools: Callable[[Any], Iterable[Template]] = nothing  # tools it may call, by name
    faults: Callable[[Any], Iterable[Fault]] = nothing
    output_schema: Callable[[Any], Mapping[str, Any] | None] = lambda _config: None
