"""What people say about a workflow in plain language, revision by revision."""

from typing import Any

from django.db import models

from tenancy.models import TenantForeignKey
from workflows.models.authored import Authored


class Documentation(Authored):
    """The plain-language part, editable without touching the definition. The newest number counts.

    `node_texts` maps a node's id to its description; `confirmed` names the nodes whose text its author found still
    true, though the node had changed.
    """

    workflow = TenantForeignKey("workflows.Workflow", related_name="documentation")
    number = models.PositiveIntegerField()
    purpose = models.TextField(blank=True)
    owner = models.CharField(max_length=200, blank=True)
    category = models.CharField(max_length=200, blank=True)
    legal_basis = models.TextField(blank=True)
    people_concerned = models.TextField(blank=True)
    retention_days = models.PositiveIntegerField(null=True)
    node_texts: "models.JSONField[Any, dict[str, str]]" = models.JSONField(default=dict)
    confirmed: "models.JSONField[Any, list[str]]" = models.JSONField(default=list)
    reason = models.CharField(max_length=1000, blank=True)

    class Meta(Authored.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "number"), name="documentation_number_is_unique"
            ),
        )

    def __str__(self) -> str:
        return f"documentation {self.number}"
