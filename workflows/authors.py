"""Who wrote what would go live: such a person neither votes on it nor publishes it."""

from uuid import UUID

from django.db.models import Q, QuerySet

from tenancy import persons
from tenancy.actors import Actor
from tenancy.models import Membership
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


def workflows_by(member: Membership) -> QuerySet[DefinitionRevision, UUID]:
    """The workflows of which this member saved a revision at any time, in person or by a token."""
    tokens = [str(token) for token in member.tokens.values_list("pk", flat=True)]
    own = Q(author_kind="user", author_id=str(member.user_id))
    by_token = Q(author_kind="token", author_id__in=tokens)
    rows = DefinitionRevision.objects.filter(own | by_token)
    return rows.order_by().values_list("workflow_id", flat=True).distinct()


def _last_published_before(version: WorkflowVersion) -> int:
    """The number of its revision; 0 where none was published before."""
    published = VersionStatus.objects.filter(
        version__workflow_id=version.workflow_id,
        version__revision__number__lt=version.revision.number,
        state=VersionState.PUBLISHED,
    )
    numbers = published.order_by("-version__revision__number")
    return numbers.values_list("version__revision__number", flat=True).first() or 0
