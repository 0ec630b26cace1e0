"""Which definition is meant: of a version, of a revision, or of the draft."""

from django.shortcuts import get_object_or_404

from workflows.definition import Definition
from workflows.errors import DefinitionInvalid
from workflows.models import Workflow


def find_definition_of(
    workflow: Workflow, *, version: int | None = None, revision: int | None = None
) -> Definition:
    """Raises Http404 for a number that is not there, DefinitionInvalid for a draft that cannot be read."""
    if version is not None:
        found = get_object_or_404(workflow.versions.select_related("revision"), number=version)
        definition: Definition = found.revision.definition
        return definition
    if revision is not None:
        of_revision: Definition = get_object_or_404(workflow.revisions, number=revision).definition
        return of_revision
    if workflow.head is None:
        raise DefinitionInvalid(f"“{workflow}” has no draft.")
    of_head: Definition = workflow.head.definition
    return of_head
