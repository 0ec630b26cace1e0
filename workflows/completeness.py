"""How complete the plain-language part of a workflow is: what is missing, and which texts are older than their node.

A text is stale when its node behaves otherwise in this revision than in the one that stood when the text was written,
or last found true.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.labels import DataClass
from workflows import documentation, node_behaviour
from workflows.errors import ContentDisposed
from workflows.governance import Rules
from workflows.models import DefinitionRevision, Documentation, Workflow, WorkflowVersion
from workflows.problems import Problem

REQUIRED = {"purpose": "purpose", "owner": "owner", "category": "category"}
USEFUL = {
    "legal_basis": "legal basis",
    "people_concerned": "people concerned",
    "retention_days": "retention",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeText:
    """A node and what is said of it. `stale_since`: when the text was written, where the node changed after that."""

    id: str
    title: str
    kind: str
    text: str
    stale_since: datetime | None = None

    @property
    def is_missing(self) -> bool:
        return not self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """`missing` must be there where the rules require documentation; `useful` is missed without being required."""

    missing: tuple[str, ...]
    useful: tuple[str, ...]
    nodes: tuple[NodeText, ...]
    data_class: DataClass

    @property
    def described(self) -> int:
        return sum(not node.is_missing for node in self.nodes)

    @property
    def total(self) -> int:
        return len(self.nodes)

    @property
    def missing_nodes(self) -> tuple[NodeText, ...]:
        return tuple(node for node in self.nodes if node.is_missing)

    @property
    def stale_nodes(self) -> tuple[NodeText, ...]:
        return tuple(node for node in self.nodes if node.stale_since)

    @property
    def is_complete(self) -> bool:
        return not self.missing and not self.missing_nodes


def look(revision: DefinitionRevision) -> Completeness:
    """How complete the newest texts are for this revision. Raises DefinitionInvalid, ContentDisposed."""
    definition = revision.definition
    rows = list(
        Documentation.objects.filter(workflow_id=revision.workflow_id)
        .only("tenant", "created_at", "confirmed", *documentation.TEXTS)
        .order_by("-number")
    )
    texts = documentation.to_texts(rows[0]) if rows else documentation.Texts()
    stale = _stale(revision, texts.node_texts, rows)
    return Completeness(
        missing=tuple(name for field, name in REQUIRED.items() if not getattr(texts, field)),
        useful=tuple(name for field, name in USEFUL.items() if not getattr(texts, field)),
        nodes=tuple(
            NodeText(
                id=node.id,
                title=node.title,
                kind=node.kind,
                text=texts.node_texts.get(node.id, ""),
                stale_since=stale.get(node.id),
            )
            for node in definition.walk()
        ),
        data_class=DataClass(definition.data_class),
    )


def gate(version: WorkflowVersion, rules: Rules) -> Iterator[Problem]:
    """What has to be written before this version may be published, where documentation is required.

    The data class is no part of it: a definition without one is not valid.
    """
    if not rules.documentation_required:
        return
    found = look(version.revision)
    remedy = "Write it on the documentation page."
    for name in found.missing:
        yield Problem(
            code=f"{name}_missing", sentence=f"The documentation names no {name}. {remedy}"
        )
    for node in found.missing_nodes:
        yield Problem(
            code="node_text_missing",
            sentence=f"Nothing says in plain language what the node “{node.id}” does. {remedy}",
            node=node.id,
        )


def find_draft(workflow: Workflow) -> DefinitionRevision | None:
    """The newest revision that can be read; None where there is none, or its content is gone."""
    if workflow.is_disposed:
        return None
    found: DefinitionRevision | None = (
        workflow.revisions.select_related("workflow").exclude(digest="").first()
    )
    return found


def _stale(
    revision: DefinitionRevision, texts: Mapping[str, str], rows: Iterable[Documentation]
) -> dict[str, datetime]:
    """The nodes whose text is older than their change, with when it was written."""
    behaviours = node_behaviour.of_definition(revision.definition)
    written = _written_at(revision, {node for node in texts if node in behaviours}, rows)
    before: dict[datetime, Mapping[str, Any]] = {}
    stale = {}
    for node, at in written.items():
        if at not in before:
            before[at] = _behaviours_at(revision, at)
        if before[at].get(node) != behaviours[node]:
            stale[node] = at
    return stale


def _written_at(
    revision: DefinitionRevision, nodes: set[str], rows: Iterable[Documentation]
) -> dict[str, datetime]:
    """When the text of each node came to be as it is, or was last found true; only where that was before the revision.

    Goes back row by row, the newest first, until every one is found.
    """
    found: dict[str, datetime] = {}
    pending: dict[str, tuple[str, datetime]] = {}
    open_nodes = set(nodes)
    for row in rows:
        at, texts, confirmed = row.created_at, row.node_texts, row.confirmed
        for node in list(open_nodes):
            text, since = pending.get(node, (texts.get(node, ""), at))
            if texts.get(node) != text:
                found[node] = since
                open_nodes.discard(node)
            elif node in confirmed:
                found[node] = at
                open_nodes.discard(node)
            else:
                pending[node] = (text, at)
        if not open_nodes:
            break
    found |= {node: pending[node][1] for node in open_nodes if node in pending}
    return {node: at for node, at in found.items() if at < revision.created_at}


def _behaviours_at(revision: DefinitionRevision, at: datetime) -> Mapping[str, Any]:
    """What each node did in the newest readable revision of that moment."""
    stood: DefinitionRevision | None = (
        DefinitionRevision.objects.filter(workflow_id=revision.workflow_id, created_at__lte=at)
        .exclude(digest="")
        .select_related("workflow")
        .order_by("-number")
        .first()
    )
    if stood is None:
        return {}
    try:
        return node_behaviour.of_definition(stood.definition)
    except ContentDisposed:
        return {}
