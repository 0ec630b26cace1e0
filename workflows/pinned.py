"""Versions of other workflows that definitions name as “slug@3”: which of them there are."""

from collections.abc import Iterable, Mapping

from django.db.models import Q

from compliance.labels import DataClass
from workflows.checks.starts import Startable
from workflows.models import WorkflowVersion


def parts(name: str) -> tuple[str, int]:
    """The workflow's name and the number."""
    slug, _, number = name.partition("@")
    return slug, int(number)


def states(versions: Mapping[str, WorkflowVersion]) -> dict[str, str]:
    """The state of each of these."""
    return {name: str(version.state) for name, version in versions.items()}


def startable(versions: Mapping[str, WorkflowVersion]) -> dict[str, Startable]:
    """What each of these says of the runs that it takes."""
    return {
        name: Startable(
            input_schema=definition.input_schema, data_class=DataClass(definition.data_class)
        )
        for name, version in versions.items()
        for definition in [version.revision.definition]
    }


def find(names: Iterable[str]) -> dict[str, WorkflowVersion]:
    """Those of them that exist, without those of workflows that were disposed of."""
    wanted = Q()
    for slug, number in map(parts, names):
        wanted |= Q(workflow__slug=slug, number=number)
    if not wanted:
        return {}
    versions = (
        WorkflowVersion.objects.with_state()
        .filter(wanted, workflow__disposed_at__isnull=True)
        .select_related("workflow", "revision__workflow")
    )
    return {f"{version.workflow.slug}@{version.number}": version for version in versions}
