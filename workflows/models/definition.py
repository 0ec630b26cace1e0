"""Revisions of a definition: kept as written, with what they say sealed beside them.

A definition holds prompts, and prompts are content: they are sealed with the workflow's data key in a row of their own,
which a disposal may delete and nobody may update.
"""

from django.db import models

from tenancy.models import TenantForeignKey, TenantOwned
from workflows.models.authored import Authored


class DefinitionRevision(Authored):
    """One saved state of a definition. `digest` is the SHA-256 of its canonical form (RFC 8785);
    empty for a draft that cannot be read yet.
    """

    workflow = TenantForeignKey("workflows.Workflow", related_name="revisions")
    number = models.PositiveIntegerField()
    parent = TenantForeignKey("self", null=True, related_name="+")
    digest = models.CharField(max_length=64, blank=True)
    media = models.CharField(max_length=8, choices=[("yaml", "YAML"), ("json", "JSON")])
    node_count = models.PositiveIntegerField(default=0)
    error_count = models.PositiveIntegerField(default=0)
    summary = models.CharField(max_length=500, blank=True)

    class Meta(Authored.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "number"), name="revision_number_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(media__in=["yaml", "json"]), name="revision_media_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"revision {self.number}"

    @property
    def is_publishable(self) -> bool:
        return bool(self.digest) and self.error_count == 0


class RevisionContent(TenantOwned):
    """What a revision says, sealed: the canonical definition, the text as typed, the problems found.

    The row's id is its revision's. It is deleted by the disposal of its workflow and never updated.
    """

    revision = TenantForeignKey("workflows.DefinitionRevision", related_name="+")
    spec_sealed = models.BinaryField(null=True)
    source_sealed = models.BinaryField()
    problems_sealed = models.BinaryField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "revision"), name="content_is_of_one_revision"
            ),
        )

    def __str__(self) -> str:
        return f"content of {self.revision_id}"
