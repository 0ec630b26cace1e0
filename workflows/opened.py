"""What versions say, opened once in a process, for they never change; those that are new together, not one by one."""

from collections import OrderedDict
from collections.abc import Collection
from uuid import UUID

from workflows.definition import Definition
from workflows.models import DefinitionRevision, WorkflowVersion
from workflows.models.definition import read_ahead

MOST = 1024

_kept: OrderedDict[UUID, Definition] = OrderedDict()


def definitions_of(versions: Collection[WorkflowVersion]) -> dict[UUID, Definition]:
    """By version. Nobody asks for those of a workflow that was disposed of: it may be kept here still."""
    found = {each.pk: kept for each in versions if (kept := _kept.get(each.pk)) is not None}
    new = {each.revision_id: each for each in versions if each.pk not in found}
    revisions = list(DefinitionRevision.objects.filter(pk__in=new)) if new else []
    for revision in revisions:
        revision.workflow = new[revision.pk].workflow
    if revisions:
        read_ahead(revisions)
    for revision in revisions:
        version = new[revision.pk]
        found[version.pk] = _kept[version.pk] = revision.definition
    while len(_kept) > MOST:
        _kept.popitem(last=False)
    return found


def find_definitions(ids: Collection[UUID]) -> dict[UUID, Definition]:
    """As definitions_of, of versions that are known by their ids."""
    found = {each: kept for each in ids if (kept := _kept.get(each)) is not None}
    new = [each for each in ids if each not in found]
    if new:
        versions = WorkflowVersion.objects.select_related("workflow").filter(pk__in=new)
        found |= definitions_of(list(versions))
    return found
