"""What people say about a workflow in plain language. Compliance may edit it without touching the definition."""

import hashlib
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import orjson
from django.db import transaction

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.definition import Definition, NodeSpec
from workflows.errors import DocumentationInvalid, DocumentationOutdated, WorkflowDisposed
from workflows.models import DefinitionRevision, Documentation, Workflow
from workflows.problems import meant

FIELDS = ("purpose", "owner", "category", "legal_basis", "people_concerned", "retention_days")
LONGEST_LINE, LONGEST_TEXT, LONGEST_REASON, MOST_DAYS = 200, 10_000, 1000, 36_500
LINES = ("owner", "category")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The plain-language part as a value."""

    purpose: str = ""
    owner: str = ""
    category: str = ""
    legal_basis: str = ""
    people_concerned: str = ""
    retention_days: int | None = None
    node_texts: dict[str, str] = field(default_factory=dict)


TEXTS = tuple(each.name for each in fields(Texts))


@transaction.atomic
def save(
    *,
    workflow: Workflow,
    texts: Texts,
    by: Actor,
    reason: str = "",
    begun_from: int | None = None,
    confirmed: Collection[str] = (),
) -> Documentation | None:
    """Keep these texts as the newest. Saving what stands there already changes nothing and gives None.

    `begun_from` is the number that its author read: when another is the newest by now, DocumentationOutdated is raised
    and nothing is lost. `confirmed` names nodes whose text is still true, though the node changed.
    Raises DocumentationInvalid, WorkflowDisposed.
    """
    texts = _tidy(texts)
    check(texts, reason)
    workflow = Workflow.objects.select_for_update().get(pk=workflow.pk)
    if workflow.is_disposed:
        raise WorkflowDisposed
    newest = find_newest(workflow)
    if begun_from is not None and begun_from != number_of(newest):
        raise DocumentationOutdated
    before = to_texts(newest) if newest is not None else Texts()
    _check_nodes(workflow, set(texts.node_texts) - set(before.node_texts))
    found_true = sorted(set(confirmed).intersection(before.node_texts))
    if newest is not None and before == texts and not found_true:
        return None
    written = _insert(
        workflow, texts, after=newest, by=by, reason=reason.strip(), confirmed=found_true
    )
    changed = [name for name, value in asdict(texts).items() if getattr(before, name) != value]
    ledger.append(
        EventType.DOCUMENTATION_SAVED,
        subject=written,
        by=by,
        workflow=workflow.slug,
        number=written.number,
        fields=sorted(changed),
        confirmed=found_true,
    )
    return written


def take_over(
    workflow: Workflow, definition: Definition, *, revision: DefinitionRevision, by: Actor
) -> None:
    """Take the texts in which a definition differs from the readable one before it; what others wrote stays.

    Part of saving a definition: that verb writes the ledger entry.
    """
    brought, newest = of_definition(definition), find_newest(workflow)
    texts = brought
    if newest is not None:
        earlier = workflow.revisions.filter(number__lt=revision.number).exclude(digest="").first()
        if earlier is not None:
            nodes = frozenset(node.id for node in definition.walk())
            texts = _merged(
                to_texts(newest), of_definition(earlier.definition), brought, nodes=nodes
            )
        if to_texts(newest) == texts:
            return
    _insert(
        workflow,
        texts,
        after=newest,
        by=by,
        reason=f"Came with revision {revision.number} of the definition",
    )


def find_newest(workflow: Workflow) -> Documentation | None:
    newest: Documentation | None = (
        Documentation.objects.filter(workflow=workflow).order_by("-number").first()
    )
    return newest


def number_of(written: Documentation | None) -> int:
    """0 where nothing was written yet."""
    return written.number if written is not None else 0


def etag(written: Documentation | None) -> str:
    """A strong validator of this state: number and SHA-256 of the texts."""
    texts = to_texts(written) if written is not None else Texts()
    said = orjson.dumps(asdict(texts), option=orjson.OPT_SORT_KEYS)
    return f'"{number_of(written)}-{hashlib.sha256(said).hexdigest()[:16]}"'


def of_definition(definition: Definition) -> Texts:
    said: dict[str, Any] = dict(definition.documentation)
    return Texts(
        purpose=str(said.get("purpose") or ""),
        owner=str(said.get("owner") or ""),
        category=str(said.get("category") or ""),
        legal_basis=str(said.get("legal_basis") or ""),
        people_concerned=str(said.get("people_concerned") or ""),
        retention_days=said.get("retention_days"),
        node_texts={node.id: node.description for node in definition.walk() if node.description},
    )


def to_texts(written: Documentation) -> Texts:
    return Texts(**{name: getattr(written, name) for name in TEXTS})


def check(texts: Texts, reason: str = "") -> None:
    """Raises DocumentationInvalid, naming the text and what it takes."""
    for name in FIELDS[:-1]:
        most = LONGEST_LINE if name in LINES else LONGEST_TEXT
        if len(getattr(texts, name)) > most:
            raise DocumentationInvalid(
                f"“{name.replace('_', ' ')}” has more than {most:,} characters: shorten it."
            )
    for node, text in texts.node_texts.items():
        if len(text) > LONGEST_TEXT:
            raise DocumentationInvalid(
                f"The text of node “{node}” has more than {LONGEST_TEXT:,} characters: shorten it."
            )
    if texts.retention_days is not None and not 1 <= texts.retention_days <= MOST_DAYS:
        raise DocumentationInvalid(f"Retention is from 1 to {MOST_DAYS:,} days, or not said yet.")
    if len(reason) > LONGEST_REASON:
        raise DocumentationInvalid(f"A reason has up to {LONGEST_REASON:,} characters.")


def known_nodes(workflow: Workflow) -> dict[str, NodeSpec]:
    """Every node of the draft, and those of the published version that the draft has no more, by id.

    A draft that cannot be read yet counts as the newest that can.
    """
    found: dict[str, NodeSpec] = {}
    readable = workflow.revisions.select_related("workflow").exclude(digest="").first()
    published = workflow.published.revision if workflow.published else None
    for revision in (readable, published):
        if revision is not None:
            for node in revision.definition.walk():
                found.setdefault(node.id, node)
    return found


def _check_nodes(workflow: Workflow, added: set[str]) -> None:
    """Texts for nodes that are new to the documentation are for nodes that there are."""
    if not added:
        return
    known = known_nodes(workflow)
    for node in sorted(added - known.keys()):
        raise DocumentationInvalid(
            f"There is no node “{node}” in this workflow.{meant(node, known)}"
        )


def _tidy(texts: Texts) -> Texts:
    """Without spaces around, and without texts that say nothing."""
    trimmed = {name: getattr(texts, name).strip() for name in FIELDS[:-1]}
    said = {node: text.strip() for node, text in texts.node_texts.items() if text.strip()}
    return replace(texts, **trimmed, node_texts=said)


def _merged(now: Texts, before: Texts, brought: Texts, *, nodes: frozenset[str]) -> Texts:
    """Where the definition says something else than it did before, what it says; all else as it stands.

    The text of a node that is gone stays: a version that is in use may still have it.
    """
    fields = {
        name: getattr(brought, name)
        for name in FIELDS
        if getattr(brought, name) != getattr(before, name)
    }
    texts = dict(now.node_texts)
    for node in nodes:
        said = brought.node_texts.get(node)
        if said == before.node_texts.get(node):
            continue
        if said is None:
            texts.pop(node, None)
        else:
            texts[node] = said
    return replace(now, **fields, node_texts=texts)


def _insert(
    workflow: Workflow,
    texts: Texts,
    *,
    after: Documentation | None,
    by: Actor,
    reason: str,
    confirmed: Collection[str] = (),
) -> Documentation:
    written: Documentation = Documentation.objects.create(
        workflow=workflow,
        number=number_of(after) + 1,
        reason=reason,
        confirmed=list(confirmed),
        **asdict(texts),
        **Documentation.authorship(by),
    )
    return written
