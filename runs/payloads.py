"""Inputs, outputs, prompts and answers: sealed with the run's data key, committed to with a salt.

The salt is sealed beside the content, so that disposal leaves a commitment that nobody can guess the content from.
What is too large for a row goes to the store, sealed the same way; the row keeps the reference.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import models

from runs.errors import PayloadGone
from runs.models import ModelCall, NodeExecution, Run, ToolCall, Wait
from tenancy import commitments, keys, sealing
from tenancy.keys import DataKeyRef
from workflows import stores

SALT_BYTES = 32
LARGEST_IN_ROW = 1_000_000  # sealed bytes
STORED = stores.MARK


Sealable = Run | NodeExecution | ModelCall | ToolCall | Wait


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext, the hex commitment to what is in it, and the size of that in bytes."""

    payload: bytes
    commitment: str
    size: int


def seal(
    key: DataKeyRef, value: Any, *, tenant_id: UUID, table: str, row: UUID, column: str
) -> Sealed:
    """Seal a JSON value for one place. Raises TypeError for what is not JSON, StoreFull where there is no room."""
    plain = orjson.dumps(value)
    salt, digest = commitments.commit(plain)
    place = sealing.Place(tenant_id=tenant_id, table=table, row=row, column=column)
    payload = sealing.seal(key, salt + plain, place=place)
    if len(payload) > LARGEST_IN_ROW:
        payload = STORED + stores.put(key, place, payload).encode()
    return Sealed(payload=payload, commitment=digest.hex(), size=len(plain))


def unseal(
    key: DataKeyRef,
    payload: bytes | memoryview | None,
    *,
    tenant_id: UUID,
    table: str,
    row: UUID,
    column: str,
) -> Any:
    place = sealing.Place(tenant_id=tenant_id, table=table, row=row, column=column)
    return orjson.loads(_open(key, payload, place)[SALT_BYTES:])


def salt_of(
    key: DataKeyRef,
    payload: bytes | memoryview | None,
    *,
    tenant_id: UUID,
    table: str,
    row: UUID,
    column: str,
) -> bytes:
    """The salt that a value was committed to with."""
    place = sealing.Place(tenant_id=tenant_id, table=table, row=row, column=column)
    return _open(key, payload, place)[:SALT_BYTES]


def _open(key: DataKeyRef, payload: bytes | memoryview | None, place: sealing.Place) -> bytes:
    sealed = bytes(payload or b"")
    if is_stored(sealed):
        sealed = stores.get(sealed.removeprefix(STORED).decode())
    return sealing.unseal(key, sealed, place=place)


def is_stored(payload: bytes | memoryview) -> bool:
    """Whether this is a reference to what was too large for a row."""
    return bytes(payload[: len(STORED)]) == STORED


def find_named(
    model: type[models.Model], columns: Sequence[str], references: Collection[str]
) -> set[str]:
    """Of these references to the store, those that a row still holds: see workflows/stores.py."""
    by_row = {UUID(reference.split("/")[2].split(".")[1]): reference for reference in references}
    held = model._default_manager.filter(pk__in=by_row).values_list(*columns)
    named = {bytes(each) for row in held for each in row if each is not None and is_stored(each)}
    return {reference for reference in references if STORED + reference.encode() in named}


def open_payload(record: Sealable, column: str) -> Any:
    """The content of one column, for people and programs that may see it. Raises PayloadGone after disposal."""
    payload = getattr(record, column)
    run = record if isinstance(record, Run) else record.run
    if run.is_disposed:
        raise PayloadGone
    if payload is None:
        return None
    key = keys.open_data_key(run.data_key_id)
    return unseal(
        key,
        payload,
        tenant_id=record.tenant_id,
        table=record._meta.db_table,
        row=record.pk,
        column=column,
    )


def open_for_export(record: Sealable, column: str, key: DataKeyRef) -> Any:
    """The content of one column, with a key that is open already: see tenancy/exports.py."""
    return unseal(
        key,
        getattr(record, column),
        tenant_id=record.tenant_id,
        table=record._meta.db_table,
        row=record.pk,
        column=column,
    )
