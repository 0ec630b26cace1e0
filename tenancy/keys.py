"""Keys: root, tenant, owner, data; strictly nested, one wrap each. Destroying a key erases all that is below it.

They live in their own database. Every function names the current tenant and sets it on that connection.
"""

import hashlib
import hmac
import logging
import os
import secrets
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import connections
from django.db.models import QuerySet
from django.utils.timezone import now

from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import KeyDestroyed, KeyNotFound
from tenancy.models import DataKey, OwnerKey, TenantKey, new_id
from tenancy.pgbackend.base import DatabaseWrapper
from tenancy.prepared import Prepared
from tenancy.root_key import root_keys
from tenancy.sealing import Key, Place, seal, unseal

ALIAS = "keys"
BATCH = 32
KEY_BYTES = 32

DATA_KEYS = Prepared(
    lambda ids: DataKey.objects.select_related("owner_key__tenant_key").filter(pk__in=ids),
    by_key=True,
    ids=list,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DataKeyRef(Key):
    """A data key, opened: seals and unseals what belongs to one run, workflow or session."""


_pools: dict[tuple[int, UUID], list[DataKeyRef]] = defaultdict(list)  # (process, tenant)
_pools_change = threading.Lock()


def take_data_key(*, owner_label: str = "") -> DataKeyRef:
    """A data key that nobody else has. Without an owner label it comes from a pool made 32 at a time.

    With a label it is made for the occasion: the owner may be erased at any moment, and a pool would not know.
    """
    with _on_tenant() as tenant_id:
        if owner_label or connections[ALIAS].in_atomic_block:  # what may be rolled back is not kept
            return _make_data_keys(tenant_id, owner_label, 1)[0]
        pool = _pools[(os.getpid(), tenant_id)]
        with _pools_change:
            if pool:
                return pool.pop()
        taken, *kept = _make_data_keys(tenant_id, owner_label, BATCH)
        with _pools_change:
            pool.extend(kept)
        return taken


def open_data_key(key_id: UUID) -> DataKeyRef:
    """Unwrap a data key. Raises KeyDestroyed when it, its owner's or its tenant's key was destroyed; KeyNotFound."""
    with _on_tenant() as tenant_id:
        row = next(iter(DATA_KEYS.find_all(ids=[key_id])), None)
        if row is None:
            raise KeyNotFound
        return _open_data_key(row, _open_owner_key(row.owner_key, tenant_id))


def open_data_keys(key_ids: Collection[UUID]) -> dict[UUID, DataKeyRef]:
    """Those of these data keys that still open."""
    with _on_tenant() as tenant_id:
        owners: dict[UUID, Key] = {}
        opened = {}
        for row in DATA_KEYS.find_all(ids=list(key_ids)):
            try:
                if row.owner_key_id not in owners:
                    owners[row.owner_key_id] = _open_owner_key(row.owner_key, tenant_id)
                opened[row.pk] = _open_data_key(row, owners[row.owner_key_id])
            except KeyDestroyed:
                continue
        return opened


def destroy_data_keys(key_ids: Collection[UUID], *, by: Actor) -> int:
    """Erase what these keys sealed. Returns how many were still alive; twice changes nothing.

    A step of a disposal, which writes its ledger entries in the other database before and after it.
    """
    with _on_tenant():
        destroyed = _destroy(DataKey.objects.filter(pk__in=key_ids))
    logger.info(
        "Data keys destroyed", extra={"action": "keys_destroyed", "count": destroyed, "by": by.id}
    )
    return destroyed


def destroy_owner_key(*, owner_label: str, by: Actor) -> int:
    """Erase all that belongs to an owner. Like destroy_data_keys a step of a disposal. Returns 1 or 0."""
    with _on_tenant() as tenant_id:
        label_digest = _label_digest(_get_tenant_key(tenant_id), owner_label)
        destroyed = _destroy(OwnerKey.objects.filter(label_digest=label_digest))
    logger.info(
        "Owner key destroyed", extra={"action": "keys_destroyed", "count": destroyed, "by": by.id}
    )
    return destroyed


def living_data_keys() -> list[UUID]:
    """All data keys of the tenant that are not destroyed, those that wait in a pool, too."""
    with _on_tenant():
        return list(DataKey.objects.filter(destroyed_at__isnull=True).values_list("pk", flat=True))


def destroy_below_tenant_key(*, by: Actor) -> int:
    """Erase all that was ever sealed for anybody of this tenant: every data key, every owner's key. Returns how many.

    The tenant key stays, for its ledger is still to be signed. Like the others a step of a disposal.
    """
    with _on_tenant() as tenant_id:
        destroyed = _destroy(DataKey.objects.all()) + _destroy(OwnerKey.objects.all())
        with _pools_change:
            _pools.pop((os.getpid(), tenant_id), None)
    logger.info(
        "All keys of owners destroyed",
        extra={"action": "keys_destroyed", "count": destroyed, "by": by.id},
    )
    return destroyed


def is_destroyed(key_id: UUID) -> bool:
    """Can nobody open this data key any more? For the verification of a disposal."""
    try:
        open_data_key(key_id)
    except (KeyDestroyed, KeyNotFound):
        return True
    return False


def derived_key(purpose: str) -> Key:
    """A key for one purpose (secrets, signing) derived from the tenant key, under whose id it goes. HKDF, RFC 5869."""
    with _on_tenant() as tenant_id:
        return _derive(_get_tenant_key(tenant_id), purpose)


def blind_index(identifier: str) -> str:
    """A keyed digest by which somebody is found again, and from which nobody is guessed. 64 hex digits."""
    normal = " ".join(identifier.casefold().split())
    return hmac.digest(derived_key("blind index").secret, normal.encode(), hashlib.sha256).hex()


@contextmanager
def _on_tenant() -> Iterator[UUID]:
    """The current tenant, set on the keys' connection, too: some contexts reach the default one only."""
    tenant, connection = current_tenant(), cast(DatabaseWrapper, connections[ALIAS])
    before = connection.tenant
    if getattr(before, "pk", None) == tenant.pk:
        yield tenant.pk
        return
    connection.set_tenant(tenant)
    try:
        yield tenant.pk
    finally:
        connection.set_tenant(before)


def _make_data_keys(tenant_id: UUID, owner_label: str, count: int) -> list[DataKeyRef]:
    owner_row = _get_owner_row(tenant_id, owner_label)
    owner = _open_owner_key(owner_row, tenant_id)
    made = [DataKeyRef(new_id(), secrets.token_bytes(KEY_BYTES)) for _ in range(count)]
    DataKey.objects.bulk_create(
        DataKey(
            id=key.id,
            tenant_id=tenant_id,
            owner_key_id=owner_row.pk,
            wrapped=wrap(owner, key, tenant_id=tenant_id, model=DataKey),
        )
        for key in made
    )
    return made


def _get_owner_row(tenant_id: UUID, owner_label: str) -> OwnerKey:
    """The living owner key of a label, made at its first use; of two who make it, one wins."""
    tenant_key = _get_tenant_key(tenant_id)
    living = OwnerKey.objects.select_related("tenant_key").filter(
        label_digest=_label_digest(tenant_key, owner_label), destroyed_at__isnull=True
    )
    row: OwnerKey | None = living.first()
    if row is not None:
        return row
    key = Key(new_id(), secrets.token_bytes(KEY_BYTES))
    OwnerKey.objects.bulk_create(
        [
            OwnerKey(
                id=key.id,
                tenant_id=tenant_id,
                tenant_key_id=tenant_key.id,
                label_digest=_label_digest(tenant_key, owner_label),
                wrapped=wrap(tenant_key, key, tenant_id=tenant_id, model=OwnerKey),
            )
        ],
        ignore_conflicts=True,
    )
    made: OwnerKey = living.get()
    return made


def _get_tenant_key(tenant_id: UUID) -> Key:
    """The tenant's key, made at its first use. Raises KeyDestroyed."""
    row = TenantKey.objects.filter(tenant_id=tenant_id).first()
    if row is None:
        root = root_keys().current
        key = Key(new_id(), secrets.token_bytes(KEY_BYTES))
        wrapped = wrap(root, key, tenant_id=tenant_id, model=TenantKey)
        TenantKey.objects.bulk_create(
            [TenantKey(id=key.id, tenant_id=tenant_id, root_key_id=root.id, wrapped=wrapped)],
            ignore_conflicts=True,
        )
        row = TenantKey.objects.get(tenant_id=tenant_id)
    return open_tenant_key(row, tenant_id)


def open_tenant_key(row: TenantKey, tenant_id: UUID) -> Key:
    """Unwrap with the root key that wrapped it. Raises KeyDestroyed, RootKeyUnknown."""
    if row.destroyed_at:
        raise KeyDestroyed("The key of this tenant was destroyed: all its content is erased.")
    return unwrap(root_keys().get(row.root_key_id), row, tenant_id=tenant_id)


def _open_owner_key(row: OwnerKey, tenant_id: UUID) -> Key:
    if row.destroyed_at:
        raise KeyDestroyed(
            "The key of this owner was destroyed: all that was the owner's is erased."
        )
    return unwrap(open_tenant_key(row.tenant_key, tenant_id), row, tenant_id=tenant_id)


def _open_data_key(row: DataKey, owner: Key) -> DataKeyRef:
    if row.destroyed_at:
        raise KeyDestroyed
    key = unwrap(owner, row, tenant_id=row.tenant_id)
    return DataKeyRef(key.id, key.secret)


def _destroy(rows: "QuerySet[DataKey] | QuerySet[OwnerKey]") -> int:
    """Overwrite the wrapped bytes and keep the row. A trigger sees to it that they do not come back."""
    return rows.filter(destroyed_at__isnull=True).update(wrapped=b"", destroyed_at=now())


def wrap(parent: Key, key: Key, *, tenant_id: UUID, model: type) -> bytes:
    """Seal a key under the one above it, for its own row."""
    return seal(parent, key.secret, place=_place(tenant_id, model, key.id))


def unwrap(parent: Key, row: TenantKey | OwnerKey | DataKey, *, tenant_id: UUID) -> Key:
    secret = unseal(parent, row.wrapped, place=_place(tenant_id, type(row), row.pk))
    return Key(row.pk, secret)


def _place(tenant_id: UUID, model: type, row: UUID) -> Place:
    return Place(tenant_id=tenant_id, table=model.__name__, row=row, column="wrapped")


def _label_digest(tenant_key: Key, owner_label: str) -> bytes:
    secret = _derive(tenant_key, "owner labels").secret
    return hmac.digest(secret, owner_label.encode(), hashlib.sha256)


def _derive(key: Key, purpose: str) -> Key:
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode())
    return Key(key.id, derivation.derive(key.secret))
