"""A disposable kind for tests: letters in folders, kept in the rows of idempotency keys, which are
the simplest sealed rows there are. A folder is a row with the route "folder"."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from compliance.disposables import PlanLine
from compliance.errors import DisposalRefused
from tenancy import keys, sealing
from tenancy.context import current_tenant
from tenancy.models import IdempotencyKey

LIVING, TOMBSTONE, OPEN = 200, 410, 102


def make_row(*, route: str, owner: str = "", text: bytes = b"Dear Sir") -> IdempotencyKey:
    data_key = keys.take_data_key(owner_label=owner)
    row = IdempotencyKey(caller=owner, route=route, request_digest=b"", status=LIVING)
    row.key, row.data_key_id = str(row.pk), data_key.id
    row.body_sealed = sealing.seal(data_key, text, place=place_of(row))
    row.save(force_insert=True)
    return row


def make_folder() -> IdempotencyKey:
    return make_row(route="folder")


def make_letter(folder: IdempotencyKey, *, owner: str = "customer 4711") -> IdempotencyKey:
    return make_row(route=str(folder.pk), owner=owner)


def place_of(row: IdempotencyKey) -> sealing.Place:
    tenant_id = current_tenant().pk
    return sealing.Place(tenant_id=tenant_id, table="letters", row=row.pk, column="body")


class Rows:
    """What folders and letters have in common."""

    kind = ""
    label = ""
    parent = ""

    def _lines(self, **wanted: Any) -> Sequence[PlanLine]:
        rows = IdempotencyKey.objects.filter(**wanted).exclude(status=TOMBSTONE)
        return [
            PlanLine(kind=self.kind, id=row.pk, owner_label=row.caller, parts={"page": 2})
            for row in rows
        ]

    def find(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return self._lines(pk__in=ids)

    def find_below(self, parents: Collection[UUID]) -> Sequence[PlanLine]:
        return self._lines(route__in=[str(parent) for parent in parents])

    def find_copies(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return []

    def check(self, ids: Collection[UUID]) -> None:
        if IdempotencyKey.objects.filter(pk__in=ids, status=OPEN).exists():
            raise DisposalRefused("A letter is being written.")

    def data_keys(self, ids: Collection[UUID]) -> Sequence[UUID]:
        rows = IdempotencyKey.objects.filter(pk__in=ids)
        return list(rows.values_list("data_key_id", flat=True))

    def erase(self, ids: Collection[UUID], *, at: datetime) -> int:
        rows = IdempotencyKey.objects.filter(pk__in=ids)
        return rows.update(status=TOMBSTONE, body_sealed=None, caller=f"erased {at:%Y}")


class Folders(Rows):
    kind, label = "folder", "Folder"


class Letters(Rows):
    kind, label, parent = "letter", "Letter", "folder"
