"""The words of the document. Pure: the same facts give the same bytes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from compliance.labels import DataClass
from workflows import node_words


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    id: str
    description: str
    spec: Mapping[str, Any]
    after: tuple[str, ...]

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
class PolicyFacts:
    """`rules` are (id, title, effect)."""

    number: int
    digest: str
    since: datetime
    rules: tuple[tuple[str, str, str], ...]


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
class DocumentFacts:
    """What the document says. `versions` ends with the one it is about; `nodes` are in the order they run."""

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


NOT_SAID = "*Not said yet.*"


def write(facts: DocumentFacts) -> str:
    """The whole document in markdown, ending with a line break."""
    parts = [
        f"# {plain(facts.title)}",
        _overview(facts),
        "## What it is for",
        *_purpose(facts),
        "## How it runs",
        _graph(facts.nodes),
        _order(facts.nodes),
        "## Nodes",
        *_nodes(facts.nodes),
        "## Models and providers",
        *_models(facts),
        "## Tools and connectors",
        "None. No node of this version can act on another system.",
        "## Where data goes",
        *_flow(facts),
        "## People in the loop",
        "No node of this version waits for a person. Its result is a proposal until somebody acts on it.",
        "## Policies in force",
        *_policies(facts.policy),
        "## Approvals and publication",
        _life(facts.versions),
        "## Retention",
        _retention(facts.retention_days),
        "## Changes",
        _changes(facts.versions),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """A text with nothing in it that markdown or HTML would take for a sign, on one line."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(re.sub(r"([\\`*_{}\[\]#|!])", r"\\\1", escaped).split())


def _prose(text: str) -> str:
    paragraphs = (plain(each) for each in re.split(r"\n\s*\n", text))
    return "\n\n".join(each for each in paragraphs if each) or NOT_SAID


def _overview(facts: DocumentFacts) -> str:
    version = facts.versions[-1] if facts.versions else None
    rows = [
        ("Workflow", f"`{facts.name}`"),
        ("Version", f"{facts.number}, {version.state if version else 'not made yet'}"),
        ("Digest (SHA-256)", f"`{facts.digest}`"),
        ("Data class", facts.data_class.word),
        ("Owner", plain(facts.owner) or NOT_SAID),
        ("Category", plain(facts.category) or NOT_SAID),
        ("Nodes", str(len(facts.nodes))),
        ("Stands since", moment(_last_change(facts))),
    ]
    return _table(("", ""), rows)


def _purpose(facts: DocumentFacts) -> Iterator[str]:
    if facts.description:
        yield _prose(facts.description)
    for heading, text in (
        ("Purpose", facts.purpose),
        ("Legal basis", facts.legal_basis),
        ("People concerned", facts.people_concerned),
    ):
        yield f"### {heading}"
        yield _prose(text)


def _graph(nodes: Sequence[NodeFacts]) -> str:
    """The graph in Mermaid, whose signs are kept out of titles by its own entities."""
    number = {node.id: f"n{place}" for place, node in enumerate(nodes, start=1)}
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'    {number[node.id]}["{_mermaid(node.title)}"]' for node in nodes]
    for node in nodes:
        for edge in node.after:
            source, _, branch = edge.partition(":")
            arrow = f'-->|"{_mermaid(branch)}"|' if branch else "-->"
            lines.append(f"    {number[source]} {arrow} {number[node.id]}")
    return "\n".join([*lines, "```"])


def _mermaid(text: str) -> str:
    return "".join(
        letter if letter.isalnum() or letter in " ,.-_/()" else f"#{ord(letter)};"
        for letter in text
    )


def _order(nodes: Sequence[NodeFacts]) -> str:
    rows = [
        (
            str(place),
            f"`{node.id}`",
            plain(node.title),
            node.kind,
            ", ".join(f"`{edge}`" for edge in node.after) or "–",
        )
        for place, node in enumerate(nodes, start=1)
    ]
    return _table(("Order", "Node", "Title", "Kind", "After"), rows)


def _nodes(nodes: Iterable[NodeFacts]) -> Iterator[str]:
    for place, node in enumerate(nodes, start=1):
        yield f"### {place}. {plain(node.title)} (`{node.id}`)"
        yield _prose(node.description)
        yield node_words.describe(node.spec, plain)
        yield from (fenced(text) for text in node_words.instructions(node.spec))


def _models(facts: DocumentFacts) -> Iterator[str]:
    if not facts.groups:
        yield "None. This version asks no model."
        return
    for group, deployments in facts.groups.items():
        users = [f"`{node.id}`" for node in facts.nodes if node.spec.get("model_group") == group]
        yield f"### Model group {plain(group)}"
        yield f"Used by {', '.join(users)}. Tried in this order:"
        rows = [
            (
                str(place),
                plain(each.name) + ("" if each.enabled else " (switched off)"),
                plain(each.model),
                plain(each.provider),
                plain(each.region) or "unknown",
                "outside" if each.is_external else "inside",
                each.clearance.word,
                plain(each.papers) or "none",
            )
            for place, each in enumerate(deployments, start=1)
        ]
        heads = (
            "Order",
            "Deployment",
            "Model",
            "Provider",
            "Region",
            "Runs",
            "May see up to",
            "Papers",
        )
        yield (
            _table(heads, rows) if rows else "*No deployment at that date: every call is refused.*"
        )


def _flow(facts: DocumentFacts) -> Iterator[str]:
    """The class is never lowered on the way: what a node is reached by, every model it asks is reached by."""
    tags = sorted(
        {
            str(tag)
            for node in facts.nodes
            for tag in (node.spec.get("labels") or {}).get("tags", [])
        }
    )
    marked = f", marked {', '.join(plain(tag) for tag in tags)}" if tags else ""
    yield (
        f"What comes in is **{facts.data_class.word}**{marked}. The class is carried along every edge "
        "and never lowered on the way, so every node handles data up to this class."
    )
    rows = []
    for node in facts.nodes:
        for each in facts.groups.get(str(node.spec.get("model_group")), ()):
            fits = each.clearance >= facts.data_class
            rows.append(
                (
                    f"`{node.id}`",
                    facts.data_class.word,
                    plain(each.provider),
                    plain(each.region) or "unknown",
                    "outside" if each.is_external else "inside",
                    "yes" if fits else f"refused: may see up to {each.clearance.word}",
                )
            )
    if rows:
        yield _table(("From node", "Class", "To", "Region", "Runs", "Allowed by clearance"), rows)
    else:
        yield "Nothing leaves Grove."


def _policies(policy: PolicyFacts | None) -> Iterator[str]:
    if policy is None:
        yield "None. Without a policy nothing is allowed, so this version cannot run."
        return
    yield (
        f"Policy {policy.number}, in force since {moment(policy.since)}, digest `{policy.digest}`. "
        "It is asked before every model call; what it does not allow is refused."
    )
    rows = [(f"`{rule}`", plain(title) or "–", effect) for rule, title, effect in policy.rules]
    yield _table(("Policy", "What it says", "Effect"), rows)


def _life(versions: Sequence[VersionFacts]) -> str:
    rows = [
        (
            moment(step.at),
            str(version.number),
            step.state,
            plain(step.by),
            plain(step.reason) or "–",
        )
        for version in versions
        for step in version.steps
    ]
    return _table(
        ("When", "Version", "State", "By", "Reason"), sorted(rows, key=lambda row: row[0])
    )


def _retention(days: int | None) -> str:
    if days is None:
        return NOT_SAID
    return f"Inputs, outputs and model calls of a run are kept for {days:,} days."


def _changes(versions: Sequence[VersionFacts]) -> str:
    rows = [
        (
            str(version.number),
            moment(version.saved_at),
            plain(version.author),
            plain(version.summary) or "–",
            f"`{version.digest[:16]}`",
        )
        for version in reversed(versions)
    ]
    return _table(("Version", "Written", "By", "What changed", "Digest begins"), rows)


def _last_change(facts: DocumentFacts) -> datetime | None:
    moments = [step.at for version in facts.versions for step in version.steps]
    moments += [each for each in (facts.documented_at, facts.policy and facts.policy.since) if each]
    return max(moments, default=None)


def moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "–"


def fenced(text: str) -> str:
    """A text as it is, in a fence longer than any within it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(' --- ' for _ in heads)}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
