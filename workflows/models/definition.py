"""Revisions of a definition: kept as written, with what they say sealed beside them.

A definition holds prompts, and prompts are content: they are sealed with the workflow's data key in a row of their own,
which a disposal may delete and nobody may update.
"""

from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache
from typing import Any

import orjson
from django.db import models

from tenancy import keys, sealing
from tenancy.models import TenantForeignKey, TenantOwned
from tenancy.sealing import Place
from workflows.definition import Definition, of_spec
from workflows.errors import ContentDisposed, DefinitionInvalid
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

    @cached_property
    def definition(self) -> Definition:
        """What was saved, opened. Raises DefinitionInvalid for a draft that has none yet, ContentDisposed."""
        return _built(self._open_spec())

    @property
    def spec(self) -> dict[str, Any]:
        """The canonical form. Raises DefinitionInvalid for a draft that has none yet, ContentDisposed."""
        spec: dict[str, Any] = orjson.loads(self._open_spec())
        return spec

    def _open_spec(self) -> bytes:
        sealed = self._content.spec_sealed
        if sealed is None:
            raise DefinitionInvalid(f"Revision {self.number} is a draft with errors.")
        return sealing.unseal(self._key, sealed, place=content_place(self, "spec_sealed"))

    @property
    def source(self) -> str:
        """The text as it was typed. Raises ContentDisposed."""
        sealed = self._content.source_sealed
        return sealing.unseal(
            self._key, sealed, place=content_place(self, "source_sealed")
        ).decode()

    @property
    def problems(self) -> Sequence[dict[str, Any]]:
        """What was wrong when it was saved, as Problem.to_json(). Raises ContentDisposed."""
        found: list[dict[str, Any]] = sealing.unseal_json(
            self._key, self._content.problems_sealed, place=content_place(self, "problems_sealed")
        )
        return found

    def open_with(self, content: "RevisionContent", key: keys.DataKeyRef) -> None:
        """Have what it takes to read this one, instead of asking for it later."""
        self._content, self._key = content, key

    @cached_property
    def _content(self) -> "RevisionContent":
        content = RevisionContent.objects.filter(revision_id=self.pk).first()
        if content is None:
            raise ContentDisposed
        return content

    @cached_property
    def _key(self) -> keys.DataKeyRef:
        return keys.open_data_key(self.workflow.data_key_id)


@lru_cache(maxsize=128)
def _built(spec: bytes) -> Definition:
    """Checking the form of a large definition takes longer than opening it, which is done every time."""
    return of_spec(orjson.loads(spec))


def read_ahead(revisions: Collection[DefinitionRevision]) -> None:
    """Fetch what opens all of these, in two statements. What was disposed of refuses later, as it does alone."""
    rows = RevisionContent.objects.filter(revision_id__in=[each.pk for each in revisions])
    contents = {row.revision_id: row for row in rows}
    opened = keys.open_data_keys({each.workflow.data_key_id for each in revisions})
    for revision in revisions:
        content, key = contents.get(revision.pk), opened.get(revision.workflow.data_key_id)
        if content is not None and key is not None:
            revision.open_with(content, key)


def content_place(revision: DefinitionRevision, column: str) -> Place:
    """Where a revision's content is sealed for."""
    return Place(
        tenant_id=revision.tenant_id,
        table="workflows_revisioncontent",
        row=revision.pk,
        column=column,
    )


def open_for_export(content: "RevisionContent", column: str, key: keys.DataKeyRef) -> Any:
    """What one column says, with a key that is open already: the text as typed, all else as JSON."""
    place = Place(
        tenant_id=content.tenant_id,
        table="workflows_revisioncontent",
        row=content.revision_id,
        column=column,
    )
    plain = sealing.unseal(key, getattr(content, column), place=place)
    return plain.decode() if column == "source_sealed" else orjson.loads(plain)


class RevisionContent(TenantOwned):
    """What a revision says, sealed: the canonical definition, the text as typed, the problems found.

    It is deleted by the disposal of its workflow and never updated.
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
