"""Making a workflow from a starter: a first revision that the author goes on from."""

import re

from compliance.labels import DataClass
from tenancy.actors import Actor
from workflows import definitions, model_groups, starters
from workflows.errors import StarterUnknown
from workflows.models import DefinitionRevision

LONGEST_NAME = 63


def create(
    *,
    starter: str,
    title: str,
    by: Actor,
    name: str = "",
    purpose: str = "",
    data_class: DataClass = DataClass.CONFIDENTIAL,
) -> DefinitionRevision:
    """A new workflow. Its models are those of the tenant's first group, until the author chooses.

    Raises StarterUnknown, WorkflowNameTaken, DefinitionInvalid for a name that is none.
    """
    found = starters.all_of_them().get(starter)
    if found is None:
        raise StarterUnknown(f"There is no template “{starter}”: {', '.join(starters.NAMES)}.")
    text = starters.text_of(
        found,
        name=name or to_name(title),
        title=title,
        purpose=purpose,
        data_class=data_class.word,
        model_group=next(iter(sorted(model_groups.names())), ""),
    )
    return definitions.save(workflow=None, text=text, by=by, summary=f"Begun from “{found.title}”")


def to_name(title: str) -> str:
    """An address made from a title: small letters, digits and hyphens."""
    folded = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return re.sub(r"^[^a-z]+", "", folded)[:LONGEST_NAME].strip("-") or "workflow"
