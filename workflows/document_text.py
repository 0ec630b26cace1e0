"""The words of the document. Pure: the same facts give the same bytes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from workflows import document_flow_text, document_life_text, document_review_text, node_words
from workflows.document_facts import (
    DocumentFacts,
    NodeFacts,
    PinnedFacts,
    PolicyFacts,
    ToolFacts,
)
from workflows.document_marks import NOT_SAID, fenced, moment, plain, prose, table


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
        *_tools(facts.tools),
        *_pinned(facts.pinned),
        "## Where data goes",
        *document_flow_text.write(facts),
        "## People in the loop",
        *_people(facts.nodes, facts.policy),
        "## Policies in force",
        *_policies(facts.policy),
        "## Approvals and publication",
        document_life_text.steps(facts.versions),
        *document_review_text.write(facts.reviews, of_version=facts.number),
        "## Changes since the last approval",
        *document_life_text.since(facts.since),
        "## Retention",
        document_life_text.retention(facts.retention_days),
        "## Versions",
        document_life_text.versions(facts.versions),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


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
        *_budget(facts),
        ("Stands since", moment(_last_change(facts))),
    ]
    return table(("", ""), rows)


def _purpose(facts: DocumentFacts) -> Iterator[str]:
    if facts.description:
        yield prose(facts.description)
    for heading, text in (
        ("Purpose", facts.purpose),
        ("Legal basis", facts.legal_basis),
        ("People concerned", facts.people_concerned),
    ):
        yield f"### {heading}"
        yield prose(text)


def _budget(facts: DocumentFacts) -> list[tuple[str, str]]:
    if facts.budget is None:
        return []
    micros, currency = facts.budget
    return [("Budget of a run", f"{micros / 1_000_000:,.2f} {currency}")]


def _graph(nodes: Sequence[NodeFacts]) -> str:
    """The graph in Mermaid, whose signs are kept out of titles by its own entities."""
    number = {node.id: f"n{node.place.replace('.', '_')}" for node in nodes}
    lines = ["```mermaid", "flowchart LR", *_boxes(nodes, "", number, "    ")]
    for node in nodes:
        for edge in node.after:
            source, _, branch = edge.partition(":")
            arrow = f'-->|"{_mermaid(branch)}"|' if branch else "-->"
            lines.append(f"    {number[source]} {arrow} {number[node.id]}")
    return "\n".join([*lines, "```"])


def _boxes(
    nodes: Sequence[NodeFacts], container: str, number: dict[str, str], margin: str
) -> Iterator[str]:
    for node in nodes:
        if node.container != container:
            continue
        if any(inner.container == node.id for inner in nodes):
            yield f'{margin}subgraph {number[node.id]}["{_mermaid(node.title)}"]'
            yield from _boxes(nodes, node.id, number, f"{margin}    ")
            yield f"{margin}end"
        else:
            yield f'{margin}{number[node.id]}["{_mermaid(node.title)}"]'


def _mermaid(text: str) -> str:
    return "".join(
        letter if letter.isalnum() or letter in " ,.-_/()" else f"#{ord(letter)};"
        for letter in text
    )


def _order(nodes: Sequence[NodeFacts]) -> str:
    rows = [
        (
            node.place,
            f"`{node.id}`",
            plain(node.title),
            node.kind,
            ", ".join(f"`{edge}`" for edge in node.after) or "–",
        )
        for node in nodes
    ]
    return table(("Order", "Node", "Title", "Kind", "After"), rows)


def _nodes(nodes: Iterable[NodeFacts]) -> Iterator[str]:
    for node in nodes:
        yield f"### {node.place}. {plain(node.title)} (`{node.id}`)"
        yield prose(node.description)
        if node.container:
            yield f"Inside of `{node.container}`."
        yield node_words.describe(node.spec, plain)
        yield from (fenced(text) for text in node_words.instructions(node.spec))
        yield node_words.conditions(node.spec, plain)
        yield node_words.troubles(node.spec, plain, failed=_leads(node, "failed"))


def _tools(tools: Sequence[ToolFacts]) -> Iterator[str]:
    if not tools:
        yield "None. No node of this version can act on another system."
        return
    yield (
        "Each call is decided by the policy before it is made, and kept on record. A host or store that is not "
        "declared is refused."
    )
    rows = [
        (
            f"`{each.node}`",
            plain(each.tool),
            plain(each.does),
            plain(each.where) or "as the run decides",
            _standing(each),
        )
        for each in tools
    ]
    yield table(("Node", "Tool", "What it does", "Where, as written", "Declared as"), rows)


def _standing(tool: ToolFacts) -> str:
    if tool.place is None:
        return "seen in the run" if "{{" in tool.where or not tool.where else "not declared"
    switched = "" if tool.place.enabled else " (switched off)"
    papers = f"; {tool.place.papers}" if tool.place.papers else ""
    return plain(tool.place.title or tool.place.name) + switched + plain(papers)


def _pinned(pinned: Sequence[PinnedFacts]) -> Iterator[str]:
    if not pinned:
        return
    yield "## Other workflows"
    yield "Runs of these versions are started. Each has a document of its own."
    rows = [
        (
            f"`{each.name}`",
            plain(each.title),
            ", ".join(f"`{node}`" for node in each.used_by) or "through another",
            f"`{each.digest[:16]}`",
        )
        for each in pinned
    ]
    yield table(("Version", "Title", "Started by", "Digest begins"), rows)


def _people(nodes: Sequence[NodeFacts], policy: PolicyFacts | None) -> Iterator[str]:
    rows = [
        (
            f"`{node.id}`",
            plain(str(node.spec["approver"]).replace("_", " ")),
            node_words.lasting(node.spec["expires_in_seconds"]),
            _leads(node, "approved") or "nothing more comes after it",
            _leads(node, "refused") or "the run fails",
        )
        for node in nodes
        if node.kind == "approval"
    ]
    if rows:
        yield "The run waits at these nodes until a person has decided."
        yield table(("Node", "Role", "Time to decide", "Approved", "Refused"), rows)
    else:
        yield (
            "No node of this version is there to ask a person. Its result is a proposal until somebody acts on it."
        )
    if policy is not None and policy.asking:
        yield "Any node also waits where one of these policies asks for an approval of what it is about to do."
        asking = [
            (f"`{rule}`", plain(role.replace("_", " ")), plain(title) or "–")
            for rule, title, role in policy.asking
        ]
        yield table(("Policy", "Role", "What it says"), asking)


def _leads(node: NodeFacts, branch: str) -> str:
    return ", ".join(f"`{target}`" for taken, target in node.leads if taken == branch)


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
            table(heads, rows) if rows else "*No deployment at that date: every call is refused.*"
        )


def _policies(policy: PolicyFacts | None) -> Iterator[str]:
    if policy is None:
        yield "None. Without a policy nothing is allowed, so this version cannot run."
        return
    yield (
        f"Policy {policy.number}, in force since {moment(policy.since)}, digest `{policy.digest}`. "
        "It is asked before every model call and every tool call; what it does not allow is refused."
    )
    rows = [(f"`{rule}`", plain(title) or "–", effect) for rule, title, effect in policy.rules]
    yield table(("Policy", "What it says", "Effect"), rows)


def _last_change(facts: DocumentFacts) -> datetime | None:
    moments = [step.at for version in facts.versions for step in version.steps]
    moments += [review.changed_at for review in facts.reviews]
    moments += [each for each in (facts.documented_at, facts.policy and facts.policy.since) if each]
    return max(moments, default=None)
