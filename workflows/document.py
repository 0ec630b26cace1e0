"""The document of a version for the compliance officer: the same bytes for the same version and date."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import markdown
import nh3
from django.utils.timezone import now

from compliance.labels import DataClass
from compliance.models import PolicyActivation
from compliance.policy import rules
from compliance.policy.verdicts import ObligationKind
from workflows import (
    dataflow,
    document_changes,
    document_places,
    document_reviews,
    document_text,
    document_tools,
    documentation,
    pinned,
    versions,
    withheld,
)
from workflows.definition import Definition, NodeGraph
from workflows.document_facts import (
    DocumentFacts,
    FlowFacts,
    NodeFacts,
    PinnedFacts,
    PlacementFacts,
    PolicyFacts,
    Step,
    VersionFacts,
)
from workflows.errors import ContentDisposed, PinnedVersionMissing
from workflows.models import Documentation, RegisterKind, WorkflowVersion
from workflows.providers import register

TEXT_TAGS = {"h1", "h2", "h3", "p", "ul", "ol", "li", "strong", "em", "code", "pre", "hr", "br"}
TABLE_TAGS = {"table", "thead", "tbody", "tr", "th", "td"}
ALLOWED_TAGS = TEXT_TAGS | TABLE_TAGS


def render(*, version: WorkflowVersion, as_of: datetime | None = None) -> str:
    """The document in markdown as things stood at a moment, or as they stand. Raises ContentDisposed."""
    return document_text.write(gather(version, as_of or now()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The document as somebody may read it. `digest` is that of the whole one, which is what people sign."""

    text: str
    digest: str
    is_masked: bool


def copy_for(*, version: WorkflowVersion, as_of: datetime | None = None, may_read: bool) -> Copy:
    """All of it, or without the texts of prompts for who may not read content. Raises ContentDisposed."""
    text = render(version=version, as_of=as_of)
    whole = digest(text)
    if may_read:
        return Copy(text=text, digest=whole, is_masked=False)
    left = withheld.of_document(text, version.revision.definition, whole)
    return Copy(text=left, digest=whole, is_masked=True)


@lru_cache(maxsize=64)
def to_html(text: str) -> str:
    """The document as HTML that holds nothing but text and tables.

    Kept by the whole text, which is written anew each time: who may not have it cannot ask for it.
    """
    page = markdown.markdown(text, extensions=["tables", "fenced_code"], output_format="html")
    return nh3.clean(page, tags=ALLOWED_TAGS, attributes={})


def digest(text: str) -> str:
    """SHA-256 of the document's bytes, in hex: what an approval or attestation names."""
    return hashlib.sha256(text.encode()).hexdigest()


def gather(version: WorkflowVersion, as_of: datetime) -> DocumentFacts:
    """Everything that the document says, read from rows that are never changed."""
    workflow = version.workflow
    definition = version.revision.definition
    written = (
        Documentation.objects.filter(workflow=workflow, created_at__lte=as_of)
        .order_by("-number")
        .first()
    )
    policy, known = _policy(as_of), register.find_all(as_of)
    groups = {
        name: document_places.deployments(name, known) for name in sorted(definition.model_groups)
    }
    until = _versions_until(version, as_of)
    tools = document_tools.gather(definition, known)
    return DocumentFacts(
        name=workflow.slug,
        title=definition.title,
        description=definition.description,
        data_class=DataClass(max(definition.data_class, definition.input_labels.data_class)),
        number=version.number,
        digest=version.digest,
        on_worker_loss=definition.on_worker_loss,
        purpose=written.purpose if written else "",
        owner=written.owner if written else "",
        category=written.category if written else "",
        legal_basis=written.legal_basis if written else "",
        people_concerned=written.people_concerned if written else "",
        retention_days=written.retention_days if written else None,
        nodes=_nodes(definition, dict(written.node_texts) if written else None),
        groups=groups,
        policy=policy,
        versions=tuple(_version(each, as_of) for each in until),
        documented_at=written.created_at if written else None,
        tools=tools,
        pinned=_pinned(version),
        budget=(budget.amount_micros, budget.currency) if (budget := definition.budget) else None,
        flow=_flow(definition),
        placements=_placements(known),
        since=document_changes.gather(version, until, as_of, tools, known),
        reviews=document_reviews.gather(version, as_of),
    )


def _nodes(definition: Definition, texts: dict[str, str] | None) -> tuple[NodeFacts, ...]:
    """Before anything was documented, the definition speaks for its nodes."""
    if texts is None:
        texts = documentation.of_definition(definition).node_texts
    return tuple(_nodes_of(definition, definition.spec["nodes"], texts))


def _nodes_of(
    graph: NodeGraph,
    written: Iterable[dict[str, Any]],
    texts: dict[str, str],
    *,
    before: str = "",
    container: str = "",
) -> Iterator[NodeFacts]:
    """The nodes in the order they run; those of a body right after their container."""
    by_id = {node["id"]: node for node in written}
    for number, node_id in enumerate(graph.graph.order, start=1):
        spec, place = by_id[node_id], f"{before}{number}"
        yield NodeFacts(
            id=node_id,
            description=texts.get(node_id, ""),
            spec=spec,
            after=tuple(str(edge) for edge in graph.graph.edges_into(node_id)),
            place=place,
            container=container,
            leads=tuple(
                (edge.branch or "", edge.target) for edge in graph.graph.edges_out_of(node_id)
            ),
        )
        body = graph.node(node_id).body
        if body is not None:
            inside = spec["body"]["nodes"]
            yield from _nodes_of(body, inside, texts, before=f"{place}.", container=node_id)


def _pinned(version: WorkflowVersion) -> tuple[PinnedFacts, ...]:
    """Every version that it leads to; of workflows that were disposed of, the names that this one says."""
    definition = version.revision.definition
    try:
        names = frozenset(versions.closure(version=version))
    except (PinnedVersionMissing, ContentDisposed):
        names = definition.sub_workflows
    known = pinned.find(names)
    return tuple(
        PinnedFacts(
            name=name,
            title=known[name].revision.definition.title if name in known else "Disposed of",
            digest=known[name].digest if name in known else "",
            used_by=tuple(
                node.id
                for node in definition.walk()
                if node.kind == "sub_workflow" and node.config.workflow == name
            ),
        )
        for name in sorted(names)
    )


def _flow(definition: Definition) -> tuple[FlowFacts, ...]:
    """Which labels can reach which nodes, the strictest first."""
    reached: dict[tuple[DataClass, tuple[str, ...]], list[str]] = defaultdict(list)
    flow = dataflow.flow_of(definition)
    for node in definition.walk():
        labels = flow.into[node.id]
        reached[labels.data_class, tuple(sorted(labels.tags))].append(node.id)
    return tuple(
        FlowFacts(data_class=data_class, tags=tags, nodes=tuple(nodes))
        for (data_class, tags), nodes in sorted(reached.items(), reverse=True)
    )


def _placements(known: register.Known) -> tuple[PlacementFacts, ...]:
    found = []
    for level in DataClass:
        facts = known.get((RegisterKind.CLASS_PLACEMENT, level.word), {})
        regions, providers = tuple(facts.get("regions", ())), tuple(facts.get("providers", ()))
        if regions or providers:
            found.append(PlacementFacts(data_class=level, regions=regions, providers=providers))
    return tuple(found)


def _policy(as_of: datetime) -> PolicyFacts | None:
    activation = (
        PolicyActivation.objects.filter(at__lte=as_of)
        .select_related("snapshot")
        .order_by("-number")
        .first()
    )
    if activation is None:
        return None
    snapshot = activation.snapshot
    found = _rules(snapshot.hard, snapshot.obligations, snapshot.schema)
    return PolicyFacts(
        number=snapshot.number,
        digest=snapshot.digest,
        since=activation.at,
        rules=tuple(sorted((rule.id, _in_words(rule), rule.effect) for rule in found)),
        asking=tuple(
            sorted(
                (rule.id, _in_words(rule), rule.obligation[1])
                for rule in found
                if rule.obligation[0] == ObligationKind.REQUIRE_APPROVAL
            )
        ),
    )


@lru_cache(maxsize=64)
def _rules(hard: str, obligations: str, schema: str) -> tuple[rules.Rule, ...]:
    """Kept by the whole texts: reading them takes longer than all else that the document says."""
    known = rules.read_schema(schema)
    return tuple(rule for text in (hard, obligations) for rule in rules.read(text, known).values())


def _in_words(rule: rules.Rule) -> str:
    """Its sentence before any call: a place for a name says what would stand there."""
    said = re.sub(r"\{(\w+)\}", lambda each: f"the {each[1].replace('_', ' ')}", rule.reason)
    return said[:1].upper() + said[1:]


def _versions_until(version: WorkflowVersion, as_of: datetime) -> list[WorkflowVersion]:
    return list(
        WorkflowVersion.objects.filter(
            workflow=version.workflow, number__lte=version.number, created_at__lte=as_of
        )
        .select_related("revision")
        .prefetch_related("statuses")
        .order_by("number")
    )


def _version(version: WorkflowVersion, as_of: datetime) -> VersionFacts:
    return VersionFacts(
        number=version.number,
        digest=version.digest,
        summary=version.revision.summary,
        author=version.revision.author_name,
        saved_at=version.revision.created_at,
        steps=tuple(
            Step(
                state=status.state,
                at=status.created_at,
                by=status.author_name,
                reason=status.reason,
            )
            for status in version.statuses.all()
            if status.created_at <= as_of
        ),
    )
