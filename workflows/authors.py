"""Who wrote what would go live: such a person neither votes on it nor publishes it."""

from tenancy import persons
from tenancy.actors import Actor
from workflows.errors import AuthorExcluded
from workflows.models import DefinitionRevision, VersionState, VersionStatus, WorkflowVersion

SYSTEM = "system:grove"  # is nobody, and approves nothing by itself


def of(version: WorkflowVersion) -> frozenset[str]:
    """The persons who saved a revision since the one that was published last before this, up to this."""
    rows = DefinitionRevision.objects.filter(
        workflow_id=version.workflow_id,
        number__lte=version.revision.number,
        number__gt=_last_published_before(version),
    )
    written = rows.order_by().values_list("author_kind", "author_id").distinct()
    found = {persons.of(kind=kind, id=author_id) for kind, author_id in written}
    return frozenset(found - {SYSTEM})


def check_is_none(*, version: WorkflowVersion, by: Actor) -> None:
    """Raises AuthorExcluded. Ask with the workflow's row locked: who saves queues at it."""
    if persons.of_actor(by) in of(version):
        raise AuthorExcluded(
            f"You saved what is in version {version.number}: somebody else has to judge and publish it."
        )


def _last_published_before(version: WorkflowVersion) -> int:
    """The number of its revision; 0 where none was published before."""
    published = VersionStatus.objects.filter(
        version__workflow_id=version.workflow_id,
        version__revision__number__lt=version.revision.number,
        state=VersionState.PUBLISHED,
    )
    numbers = published.order_by("-version__revision__number")
    return numbers.values_list("version__revision__number", flat=True).first() or 0
