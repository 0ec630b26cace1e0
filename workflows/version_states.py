"""The one place where a version changes its state."""

from tenancy.actors import Actor
from workflows.errors import TransitionRefused
from workflows.models import VersionState, VersionStatus, WorkflowVersion
from workflows.models.version import FOLLOWS


def begin(version: WorkflowVersion, *, by: Actor) -> None:
    """The first state of a version that was just made."""
    _insert(version, VersionState.DRAFT, number=1, by=by, reason="")


def move(version: WorkflowVersion, state: VersionState, *, by: Actor, reason: str) -> None:
    """In the caller's transaction, with the workflow's row locked. Raises TransitionRefused."""
    newest = version.statuses.order_by("-number").first()
    if newest is None or state not in FOLLOWS[VersionState(newest.state)]:
        was = VersionState(newest.state).label.lower() if newest else "nothing yet"
        raise TransitionRefused(
            f"Version {version.number} is {was}; it cannot become {state.label.lower()}."
        )
    _insert(version, state, number=newest.number + 1, by=by, reason=reason)


def _insert(
    version: WorkflowVersion, state: VersionState, *, number: int, by: Actor, reason: str
) -> None:
    VersionStatus.objects.create(
        version=version,
        number=number,
        state=state,
        reason=reason[:1000],
        **VersionStatus.authorship(by),
    )
