"""Versions of other workflows that definitions name as “slug@3”: which of them there are."""

from collections.abc import Collection, Iterable

from django.db.models import Q

from workflows.models import WorkflowVersion


def parts(name: str) -> tuple[str, int]:
    """The workflow's name and the number."""
    slug, _, number = name.partition("@")
    return slug, int(number)


def states(names: Collection[str]) -> dict[str, str]:
    """The state of each of these that exists."""
    return {name: str(version.state) for name, version in find(names).items()}


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
