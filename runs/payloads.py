"""Inputs, outputs, prompts and answers: sealed with the run's data key, committed to with a salt.

The salt is sealed beside the content, so that disposal leaves a commitment that nobody can guess the content from.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from runs.errors import PayloadGone
from runs.models import ModelCall, NodeExecution, Run
from tenancy import commitments, keys, sealing
from tenancy.keys import DataKeyRef

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext, the hex commitment to what is in it, and the size of that in bytes."""

    payload: bytes
    commitment: str
    size: int


def seal(
    key: DataKeyRef, value: Any, *, tenant_id: UUID, table: str, row: UUID, column: str
) -> Sealed:
    """Seal a JSON value for one place. Raises TypeError for what is not JSON."""
    plain = orjson.dumps(value)
    salt, digest = commitments.commit(plain)
    place = sealing.Place(tenant_id=tenant_id, table=table, row=row, column=column)
    return Sealed(
        payload=sealing.seal(key, salt + plain, place=place),
        commitment=digest.hex(),
        size=len(plain),
    )


def unseal(
    key: DataKeyRef, payload: bytes, *, tenant_id: UUID, table: str, row: UUID, column: str
) -> Any:
    place = sealing.Place(tenant_id=tenant_id, table=table, row=row, column=column)
    return orjson.loads(sealing.unseal(key, bytes(payload), place=place)[SALT_BYTES:])


def open_payload(record: Run | NodeExecution | ModelCall, column: str) -> Any:
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


def open_for_export(record: Run | NodeExecution | ModelCall, column: str, key: DataKeyRef) -> Any:
    """The content of one column, with a key that is open already: see tenancy/exports.py."""
    return unseal(
        key,
        getattr(record, column),
        tenant_id=record.tenant_id,
        table=record._meta.db_table,
        row=record.pk,
        column=column,
    )
