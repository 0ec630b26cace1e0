"""What people say about a workflow in plain language. Compliance may edit it without touching the definition."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.definition import Definition
from workflows.errors import WorkflowDisposed
from workflows.models import DefinitionRevision, Documentation, Workflow


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


@transaction.atomic
def save(*, workflow: Workflow, texts: Texts, by: Actor, reason: str = "") -> Documentation | None:
    """Keep these texts as the newest. Saving what stands there already changes nothing and gives None."""
    workflow = Workflow.objects.select_for_update().get(pk=workflow.pk)
    if workflow.is_disposed:
        raise WorkflowDisposed
    newest = find_newest(workflow)
    if newest is not None and to_texts(newest) == texts:
        return None
    written = _insert(
        workflow, texts, number=newest.number + 1 if newest else 1, by=by, reason=reason
    )
    changed = [
        name
        for name, value in asdict(texts).items()
        if newest is None or getattr(newest, name) != value
    ]
    ledger.append(
        EventType.DOCUMENTATION_SAVED,
        subject=written,
        by=by,
        workflow=workflow.slug,
        number=written.number,
        fields=sorted(changed),
    )
    return written


def take_over(
    workflow: Workflow, definition: Definition, *, revision: DefinitionRevision, by: Actor
) -> None:
    """Take the texts a definition brings along, where it brings others than its parent did.

    Part of saving a definition: that verb writes the ledger entry.
    """
    texts = of_definition(definition)
    newest = find_newest(workflow)
    if newest is not None:
        parent = revision.parent
        said_before = (
            of_definition(parent.definition) if parent is not None and parent.digest else None
        )
        if said_before == texts or to_texts(newest) == texts:
            return
    _insert(
        workflow,
        texts,
        number=newest.number + 1 if newest else 1,
        by=by,
        reason=f"Came with revision {revision.number} of the definition",
    )


def find_newest(workflow: Workflow) -> Documentation | None:
    return Documentation.objects.filter(workflow=workflow).order_by("-number").first()


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
    return Texts(**{name: getattr(written, name) for name in asdict(Texts())})


def _insert(
    workflow: Workflow, texts: Texts, *, number: int, by: Actor, reason: str
) -> Documentation:
    return Documentation.objects.create(
        workflow=workflow,
        number=number,
        reason=reason[:1000],
        **asdict(texts),
        **Documentation.authorship(by),
    )
