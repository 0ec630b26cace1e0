"""A workflow: the name under which revisions and versions are kept."""

from django.db import models
from django.urls import reverse
from django.utils import timezone

from compliance.labels import DataClass
from tenancy.models import TenantForeignKey, TenantManager, TenantOwned


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    def living(self) -> "WorkflowQuerySet":
        """Those that were not disposed of."""
        return self.filter(disposed_at__isnull=True)

    def with_pointers(self) -> "WorkflowQuerySet":
        """Their head revision and published version come along in the same query."""
        return self.select_related("head", "published")


class Workflow(TenantOwned):
    """`head` is the draft: the revision that is edited next. `published` is the version that new runs take.

    `tip` is where the draft stood before something was undone: what can be redone lies between it and the head.
    """

    slug = models.SlugField(max_length=64)
    title = models.CharField(max_length=200)
    data_class = models.PositiveSmallIntegerField(default=int(DataClass.INTERNAL))
    data_key_id = models.UUIDField(editable=False)
    head = TenantForeignKey("workflows.DefinitionRevision", null=True, related_name="+")
    tip = TenantForeignKey("workflows.DefinitionRevision", null=True, related_name="+")
    published = TenantForeignKey("workflows.WorkflowVersion", null=True, related_name="+")
    disposed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TenantManager.from_queryset(WorkflowQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(TenantOwned.Meta):
        ordering = ("title", "id")
        constraints = (
            models.UniqueConstraint(fields=("tenant", "slug"), name="workflow_slug_is_unique"),
            models.CheckConstraint(
                condition=models.Q(data_class__lte=int(max(DataClass))),
                name="workflow_data_class_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(disposed_at__isnull=True) | models.Q(published__isnull=True),
                name="workflow_disposed_has_nothing_published",
            ),
        )

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("workflows:detail", args=[self.slug])

    @property
    def label(self) -> DataClass:
        return DataClass(self.data_class)

    @property
    def is_disposed(self) -> bool:
        return self.disposed_at is not None
