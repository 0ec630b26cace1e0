"""Who has a draft open. Rows are overwritten: they say who is here now, not who was."""

from django.db import models
from django.utils import timezone

from tenancy.models import TenantForeignKey, TenantOwned


class Presence(TenantOwned):
    """One person in one workflow's editor, and the node that this person looks at."""

    workflow = TenantForeignKey("workflows.Workflow", related_name="presences")
    person_id = models.CharField(max_length=64, editable=False)
    person_name = models.CharField(max_length=200, editable=False)
    node = models.CharField(max_length=64, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "person_id"), name="presence_of_one_person"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person_name} in {self.workflow_id}"
