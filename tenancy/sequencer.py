"""The sequencer: gives entries their leaves, grows the tree, signs a checkpoint. One at a time per tenant.

It adds rows and updates none. Entries that commit late, with an older id than the last leaf's, get the next index.
"""

import hashlib
import hmac
import logging
import os
from collections.abc import Sequence
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from tenancy import keys, ledger, merkle
from tenancy.actors import Actor
from tenancy.checkpoints import Checkpoint, Verifier, sign
from tenancy.context import current_tenant, tenant_context
from tenancy.events import EventType
from tenancy.models import (
    LedgerCheckpoint,
    LedgerEntry,
    LedgerLeaf,
    LedgerNode,
    SigningKey,
    Tenant,
    new_id,
)
from tenancy.sealing import Place, seal, unseal

BATCH = 5_000

logger = logging.getLogger(__name__)
_searched_fully: set[tuple[int, UUID]] = set()  # (process, tenant)


def sequence(tenant: Tenant) -> int:
    """Give all settled entries of a tenant their place. Returns how many; 0 when another one is at it."""
    total = 0
    with tenant_context(tenant):
        while placed := _sequence_batch(tenant):
            total += placed
            if placed < BATCH:
                break
    return total


def _sequence_batch(tenant: Tenant) -> int:
    """One batch, one transaction, one checkpoint: the leaves between two checkpoints are in order of entry id."""
    with transaction.atomic():
        if not _is_ours(tenant):
            return 0
        last = LedgerCheckpoint.objects.order_by("-size").first()
        settled = _settled_transactions()
        entries = _entries_without_leaf(tenant, last, settled)
        if not entries:
            return 0
        frontier = _read_frontier(last.size if last else 0)
        _grow(tenant, frontier, entries)
        # After a full batch there may be more of the same transactions: the next search begins where this one did.
        seen_before = settled if len(entries) < BATCH else (last.seen_before if last else 0)
        _sign_checkpoint(tenant, frontier, min(seen_before, settled))
    return len(entries)


def _is_ours(tenant: Tenant) -> bool:
    """The advisory lock, held to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ledger.lock_number(tenant.pk)])
        return bool(cursor.fetchone()[0])


def _settled_transactions() -> int:
    """All transactions below this number have ended. Asked before the entries are read, so none is missed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])


def _entries_without_leaf(
    tenant: Tenant, last: LedgerCheckpoint | None, settled: int
) -> list[LedgerEntry]:
    """In order of id. Only those whose transaction had not ended when the last checkpoint was made can be new.

    Once per process all are searched, and so they are when transaction numbers began anew (a restored dump).
    """
    entries = LedgerEntry.objects.filter(
        ~Exists(LedgerLeaf.objects.filter(tenant_id=tenant.pk, entry_id=OuterRef("pk")))
    )
    known = (os.getpid(), tenant.pk)
    if last and known in _searched_fully and last.seen_before <= settled:
        entries = entries.filter(transaction__gte=last.seen_before)
    found = list(entries.order_by("id").only("id", "canonical")[:BATCH])
    if len(found) < BATCH:
        _searched_fully.add(known)
    return found


def _read_frontier(size: int) -> merkle.Frontier:
    return merkle.Frontier.read(size, read_node)


def read_node(level: int, index: int) -> bytes:
    """The stored hash of a complete subtree of the current tenant's tree."""
    if level == 0:
        return bytes(LedgerLeaf.objects.values_list("hash", flat=True).get(index=index))
    return bytes(LedgerNode.objects.values_list("hash", flat=True).get(level=level, index=index))


def _grow(tenant: Tenant, frontier: merkle.Frontier, entries: Sequence[LedgerEntry]) -> None:
    leaves, nodes, marking = [], [], marking_key()
    for entry in entries:
        index, hash_ = frontier.size, merkle.leaf_hash(bytes(entry.canonical))
        nodes += [
            LedgerNode(tenant_id=tenant.pk, level=node.level, index=node.index, hash=node.hash)
            for node in frontier.append(hash_)
        ]
        leaves.append(
            LedgerLeaf(
                tenant_id=tenant.pk,
                entry_id=entry.pk,
                index=index,
                hash=hash_,
                mark=mark(marking, index, frontier.root()),
            )
        )
    LedgerLeaf.objects.bulk_create(leaves)
    LedgerNode.objects.bulk_create(nodes)


def marking_key() -> bytes:
    return keys.derived_key("ledger marks").secret


def mark(marking: bytes, index: int, root: bytes) -> bytes:
    """What only Grove can write beside a leaf: HMAC-SHA256 over its index and the tree's root right after it.

    Whoever changes a leaf in the database, and computes the whole tree anew, cannot compute this.
    """
    return hmac.digest(marking, index.to_bytes(8) + root, hashlib.sha256)


def _sign_checkpoint(tenant: Tenant, frontier: merkle.Frontier, seen_before: int) -> None:
    row, private_key = get_signing_key(tenant)
    checkpoint = Checkpoint(row.name, frontier.size, frontier.root())
    LedgerCheckpoint.objects.create(
        size=checkpoint.size,
        root=checkpoint.root,
        note=sign(checkpoint, private_key),
        signing_key=row,
        seen_before=seen_before,
    )


def origin_of(tenant: Tenant) -> str:
    """The name of a tenant's log, as its checkpoints carry it."""
    return f"grove/{tenant.pk}/ledger"


def get_signing_key(tenant: Tenant) -> tuple[SigningKey, Ed25519PrivateKey]:
    """The newest signing key, made at first use."""
    row = SigningKey.objects.order_by("-id").first()
    if row is None:
        row = _make_signing_key(tenant)
    return row, open_signing_key(row)


@transaction.atomic
def replace_signing_key(*, by: Actor) -> SigningKey:
    """From the next checkpoint on a new key signs; what the older ones signed stays valid."""
    made = _make_signing_key(current_tenant())
    verifier = Verifier(made.name, bytes(made.public_key))
    ledger.append(EventType.SIGNING_KEY_CREATED, subject=made, by=by, verifier=str(verifier))
    return made


def _make_signing_key(tenant: Tenant) -> SigningKey:
    private_key, row_id = Ed25519PrivateKey.generate(), new_id()
    made: SigningKey = SigningKey.objects.create(
        id=row_id,
        name=origin_of(tenant),
        public_key=private_key.public_key().public_bytes_raw(),
        private_sealed=seal(
            keys.derived_key("ledger signing"),
            private_key.private_bytes_raw(),
            place=_place(tenant.pk, row_id),
        ),
    )
    return made


def open_signing_key(row: SigningKey) -> Ed25519PrivateKey:
    """Raises SealBroken for a key that was not made here: its private half opens under the tenant key only."""
    place = _place(row.tenant_id, row.pk)
    raw = unseal(keys.derived_key("ledger signing"), row.private_sealed, place=place)
    return Ed25519PrivateKey.from_private_bytes(raw)


def _place(tenant_id: UUID, row: UUID) -> Place:
    return Place(tenant_id=tenant_id, table="SigningKey", row=row, column="private_sealed")
