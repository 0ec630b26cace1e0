"""Who wrote a row, and when. For rows that are written once and kept."""

from typing import Any, TypedDict

from django.db import models
from django.utils import timezone

from tenancy.actors import Actor
from tenancy.models import TenantOwned


class Authorship(TypedDict):
    author_kind: str
    author_id: str
    author_name: str


class Authored(TenantOwned):
    """A row that is inserted once, by somebody, and never updated."""

    author_kind = models.CharField(max_length=16, editable=False)
    author_id = models.CharField(max_length=64, editable=False)
    author_name = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        abstract = True

    @staticmethod
    def authorship(by: Actor) -> Authorship:
        """The columns that say who: Model.objects.create(..., **Model.authorship(by))."""
        return {"author_kind": by.kind, "author_id": by.id, "author_name": by.name[:200]}

    @property
    def is_by_a_person(self) -> bool:
        return self.author_kind == "user"

    def save(self, *args: Any, **kwargs: Any) -> None:
        # The database refuses an UPDATE, too; this says it before the round trip.
        if not self._state.adding:
            raise TypeError(f"A {self._meta.verbose_name} is never changed after it was written.")
        super().save(*args, **kwargs)
