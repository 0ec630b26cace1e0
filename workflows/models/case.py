"""Saved test cases of a workflow: an input, the answers it would meet, and what has to come out."""

from django.db import models

from tenancy.models import TenantForeignKey
from workflows.models.authored import Authored


class Case(Authored):
    """One revision of a case; of each name the newest number counts. What it holds is content, and sealed.

    It is deleted by the disposal of its workflow and never updated.
    """

    workflow = TenantForeignKey("workflows.Workflow", related_name="cases")
    name = models.SlugField(max_length=64)
    number = models.PositiveIntegerField()
    is_withdrawn = models.BooleanField(default=False)
    content_sealed = models.BinaryField()

    class Meta(Authored.Meta):
        ordering = ("name", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "name", "number"), name="case_number_is_unique"
            ),
        )

    def __str__(self) -> str:
        return self.name
