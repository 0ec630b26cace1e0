"""What the document of a version is told, as values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.labels import DataClass


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """`place` is “3”, or “3.1” in the body of the third; `leads` are (branch, node) that come after it."""

    id: str
    description: str
    spec: Mapping[str, Any]
    after: tuple[str, ...]
    place: str
    container: str = ""
    leads: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> str:
        return str(self.spec["kind"])

    @property
    def title(self) -> str:
        return str(self.spec.get("title") or self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFacts:
    name: str
    model: str
    clearance: DataClass
    provider: str
    region: str
    is_external: bool
    papers: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """A destination or a store (`kind` as in the register): what it may see, and under which papers."""

    kind: str
    name: str
    title: str
    region: str
    clearance: DataClass
    is_external: bool
    papers: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFacts:
    """One tool that a node may call. `where` is as written; `place` None where only the run decides it.

    `acts`: it changes something there, or that is only known in the run.
    """

    node: str
    tool: str
    does: str
    where: str
    place: PlaceFacts | None
    acts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFacts:
    """A version of another workflow that it starts runs of."""

    name: str
    title: str
    digest: str
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """`rules` are (id, title, effect); `asking` are those that want a person first: (id, title, role)."""

    number: int
    digest: str
    since: datetime
    rules: tuple[tuple[str, str, str], ...]
    asking: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step in a version's life."""

    state: str
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    number: int
    digest: str
    summary: str
    author: str
    saved_at: datetime
    steps: tuple[Step, ...]

    @property
    def state(self) -> str:
        return self.steps[-1].state if self.steps else "not made yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFacts:
    """What a voter answered to one question, and what Grove found about it at that moment."""

    question: str
    sources: str
    found: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteFacts:
    at: datetime
    by: str
    role: str
    verdict: str
    reason: str
    answers: tuple[AnswerFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFacts:
    """A review as it stood. Votes are blind until it ends: before that `votes` is empty and `given` counts them."""

    number: int
    version: int
    digest: str
    at: datetime
    by: str
    message: str
    risk: str
    needed: int
    needs_officer: bool
    given: int
    ended_at: datetime | None
    outcome: str
    votes: tuple[VoteFacts, ...]
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFacts:
    """The nodes that the same labels can reach."""

    data_class: DataClass
    tags: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementFacts:
    """Where a data class and those above it may go, unless they have a line of their own."""

    data_class: DataClass
    regions: tuple[str, ...]
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One change after an approval."""

    at: datetime
    what: str
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceFacts:
    """The last approval, and what changed after it."""

    version: int
    at: datetime
    by: str
    reason: str
    changes: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """What the document says. `versions` ends with the one it is about; `nodes` are in the order they run, those of
    a body after their container."""

    name: str
    title: str
    description: str
    data_class: DataClass
    number: int
    digest: str
    on_worker_loss: str
    purpose: str
    owner: str
    category: str
    legal_basis: str
    people_concerned: str
    retention_days: int | None
    nodes: tuple[NodeFacts, ...]
    groups: Mapping[str, tuple[DeploymentFacts, ...]]
    policy: PolicyFacts | None
    versions: tuple[VersionFacts, ...]
    documented_at: datetime | None = None
    tools: tuple[ToolFacts, ...] = ()
    pinned: tuple[PinnedFacts, ...] = ()
    budget: tuple[int, str] | None = None
    flow: tuple[FlowFacts, ...] = ()
    placements: tuple[PlacementFacts, ...] = ()
    since: SinceFacts | None = None
    reviews: tuple[ReviewFacts, ...] = ()


def papers_in_words(facts: Mapping[str, Any], *, of_model: bool) -> str:
    """The papers of a provider or a destination; what is not said of a model is taken at its worst."""
    said = [
        words
        for fact, words in (
            ("baa", "business associate agreement"),
            ("dpa", "data processing agreement"),
            ("zero_retention", "keeps nothing"),
        )
        if facts.get(fact)
    ]
    if of_model and facts.get("trains_on_data", True):
        said.append("may train on what it is sent")
    if facts.get("papers_expire_on"):
        said.append(f"valid until {facts['papers_expire_on']}")
    return ", ".join(said)
