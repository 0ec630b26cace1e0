"""Versions: revisions that people may run, and the states of their life in rows of their own."""

from django.db import models
from django.urls import reverse

from tenancy.models import TenantForeignKey, TenantManager
from workflows.models.authored import Authored


class VersionState(models.TextChoices):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    CHANGES_REQUESTED = "changes_requested"
    PUBLISHED = "published"
    RETIRED = "retired"


# From a state to those that may follow it. A retired version may be published again. A review that lapses makes a
# draft of its version again; one of which changes were asked is published only after another review.
FOLLOWS: dict[VersionState, frozenset[VersionState]] = {
    VersionState.DRAFT: frozenset(
        {VersionState.IN_REVIEW, VersionState.PUBLISHED, VersionState.RETIRED}
    ),
    VersionState.IN_REVIEW: frozenset(
        {
            VersionState.DRAFT,
            VersionState.CHANGES_REQUESTED,
            VersionState.PUBLISHED,
            VersionState.RETIRED,
        }
    ),
    VersionState.CHANGES_REQUESTED: frozenset({VersionState.IN_REVIEW, VersionState.RETIRED}),
    VersionState.PUBLISHED: frozenset({VersionState.RETIRED}),
    VersionState.RETIRED: frozenset({VersionState.PUBLISHED}),
}

SUPERSEDED = "superseded by version"  # how the reason begins where another version took its place


class VersionQuerySet(models.QuerySet["WorkflowVersion"]):
    def with_state(self) -> "VersionQuerySet":
        """Each with `state_now`: the newest of its states."""
        newest = VersionStatus.objects.filter(version=models.OuterRef("pk")).order_by("-number")
        return self.annotate(state_now=models.Subquery(newest.values("state")[:1]))


class WorkflowVersion(Authored):
    """A numbered revision. What it says never changes; its life is told by its VersionStatus rows."""

    workflow = TenantForeignKey("workflows.Workflow", related_name="versions")
    number = models.PositiveIntegerField()
    revision = TenantForeignKey("workflows.DefinitionRevision", related_name="versions")
    digest = models.CharField(max_length=64)

    superseded_numbers: list[int]  # set by versions.lineage

    objects = TenantManager.from_queryset(VersionQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(Authored.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "number"), name="version_number_is_unique"
            ),
            models.UniqueConstraint(
                fields=("tenant", "revision"), name="version_is_made_once_of_a_revision"
            ),
        )

    def __str__(self) -> str:
        return f"version {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("workflows:version", args=[self.workflow.slug, self.number])

    @property
    def state(self) -> VersionState:
        """The newest state. Comes from `with_state()` where the queryset asked for it."""
        known = getattr(self, "state_now", None)
        if known is None:
            known = self.statuses.order_by("-number").values_list("state", flat=True).first()
        return VersionState(known or VersionState.DRAFT)

    @property
    def is_published(self) -> bool:
        return self.state is VersionState.PUBLISHED

    @property
    def may_run_as_pinned(self) -> bool:
        """Whether a definition that names this very version may start it: it is published, or has only been replaced.

        What somebody retired on purpose is not started again.
        """
        newest = self.statuses.order_by("-number").first()
        if newest is None or newest.state != VersionState.RETIRED:
            return self.is_published
        return newest.reason.startswith(SUPERSEDED)


class VersionStatus(Authored):
    """One step in a version's life: from when it was in this state, through whom, and why."""

    version = TenantForeignKey("workflows.WorkflowVersion", related_name="statuses")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=24, choices=VersionState.choices)
    reason = models.CharField(max_length=1000, blank=True)

    class Meta(Authored.Meta):
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "version", "number"), name="status_number_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=VersionState.values), name="status_state_is_known"
            ),
        )

    def __str__(self) -> str:
        return self.state
