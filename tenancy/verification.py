"""Verification of a ledger: every entry, leaf, node and checkpoint is computed anew and compared.

Trusted is what was signed: the checkpoints in the database, and those that somebody kept elsewhere (anchors).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from tenancy import ledger, merkle
from tenancy.checkpoints import Verifier
from tenancy.checkpoints import verify as verify_note
from tenancy.context import tenant_context
from tenancy.errors import (
    CheckpointInvalid,
    KeyDestroyed,
    RootKeyMissing,
    RootKeyUnknown,
    SealBroken,
)
from tenancy.faults import Fault, FaultKind
from tenancy.models import (
    LedgerCheckpoint,
    LedgerEntry,
    LedgerLeaf,
    LedgerNode,
    SigningKey,
    Tenant,
)
from tenancy.sequencer import mark, marking_key, open_signing_key, origin_of

CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `faults` begins with the first wrong leaf."""

    tenant: Tenant
    size: int
    checkpoints: int
    waiting: int  # entries that have no leaf yet
    has_marks_checked: (
        bool  # not without the root key: then a fault is placed between two checkpoints
    )
    last_note: str
    verifiers: tuple[Verifier, ...]
    faults: tuple[Fault, ...]

    @property
    def is_sound(self) -> bool:
        return not self.faults


def verify(tenant: Tenant, *, anchors: Sequence[str] = ()) -> Report:
    """Check a tenant's whole ledger. Anchors are checkpoints (signed notes) kept outside of this database.

    1. the signing keys are ours, the checkpoints' signatures hold;
    2. each entry's columns give its canonical bytes, and these its leaf;
    3. leaves are without gap, in order, and lead to the stored nodes and to every signed root.
    """
    with tenant_context(tenant), transaction.atomic():
        _hold_still(tenant)
        signing_keys = list(SigningKey.objects.order_by("id"))
        rows = list(LedgerCheckpoint.objects.select_related("signing_key").order_by("size"))
        walk = _Walk(leaves=LedgerLeaf.objects.count(), marking=_find_marking_key())
        faults = [*_check_signing_keys(tenant, signing_keys), *_trust(rows, walk)]
        faults += _trust_anchors(anchors, signing_keys, walk)
        faults += walk.go()
        return Report(
            tenant=tenant,
            size=walk.leaves,
            checkpoints=len(rows),
            waiting=_count_waiting(tenant),
            has_marks_checked=walk.marking is not None,
            last_note=rows[-1].note if rows else "",
            verifiers=tuple(_verifier(key) for key in signing_keys),
            faults=tuple(sorted(faults, key=lambda fault: fault.index)),
        )


def _hold_still(tenant: Tenant) -> None:
    """No sequencer adds leaves while we look."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ledger.lock_number(tenant.pk)])


def _find_marking_key() -> bytes | None:
    """An auditor without the root key, or after a tenant's key was destroyed, verifies without marks."""
    try:
        return marking_key()
    except (RootKeyMissing, RootKeyUnknown, KeyDestroyed):
        return None


def _count_waiting(tenant: Tenant) -> int:
    placed = LedgerLeaf.objects.filter(tenant_id=tenant.pk, entry_id=OuterRef("pk"))
    return int(LedgerEntry.objects.filter(~Exists(placed)).count())


def _check_signing_keys(tenant: Tenant, signing_keys: Sequence[SigningKey]) -> Iterator[Fault]:
    """A key put in by somebody else has no private half that opens under the tenant key."""
    for row in signing_keys:
        try:
            ours = open_signing_key(row).public_key().public_bytes_raw() == bytes(row.public_key)
        except SealBroken:
            ours = False
        except (
            RootKeyMissing,
            RootKeyUnknown,
            KeyDestroyed,
        ):  # an auditor without the root key compares public keys
            return
        if not ours or row.name != origin_of(tenant):
            yield Fault(
                FaultKind.FORGED,
                0,
                f"Signing key {_verifier(row).key_id.hex()} was not made by Grove for this tenant.",
            )


def _trust(rows: Sequence[LedgerCheckpoint], walk: "_Walk") -> Iterator[Fault]:
    """Collect the roots that are signed; a checkpoint that does not hold is a fault and not trusted."""
    for row in rows:
        try:
            signed = verify_note(row.note, _verifier(row.signing_key))
        except CheckpointInvalid as error:
            yield Fault(
                FaultKind.FORGED,
                max(row.size - 1, 0),
                f"The checkpoint at {row.size} leaves is not valid: {error.sentence}",
            )
            continue
        if (signed.size, signed.root) != (row.size, bytes(row.root)):
            yield Fault(
                FaultKind.FORGED,
                max(row.size - 1, 0),
                f"The checkpoint at {row.size} leaves was changed: its note says {signed.size}.",
            )
        walk.trust(signed.size, signed.root)


def _trust_anchors(
    anchors: Sequence[str], signing_keys: Sequence[SigningKey], walk: "_Walk"
) -> Iterator[Fault]:
    for note in anchors:
        for row in signing_keys:
            try:
                signed = verify_note(note, _verifier(row))
            except CheckpointInvalid:
                continue
            walk.trust(signed.size, signed.root)
            break
        else:
            yield Fault(
                FaultKind.FORGED,
                0,
                "A checkpoint kept elsewhere was signed by no key of this ledger.",
            )


def _verifier(row: SigningKey) -> Verifier:
    return Verifier(row.name, bytes(row.public_key))


@dataclass
class _Walk:
    """One pass over the leaves. A doubt is settled at the next signed root: right, and only a copy was changed;
    wrong, and the first doubt since the last signed root is where the ledger was changed."""

    leaves: int
    marking: bytes | None
    trusted: dict[int, set[bytes]] = field(default_factory=dict)
    frontier: merkle.Frontier = field(default_factory=merkle.Frontier)
    doubt: Fault | None = None
    batch: list[tuple[UUID, int]] = field(
        default_factory=list
    )  # entry and index since the last signed root
    proven: int = 0

    def trust(self, size: int, root: bytes) -> None:
        self.trusted.setdefault(size, set()).add(root)

    @property
    def signed_size(self) -> int:
        return max(self.trusted, default=0)

    def go(self) -> Iterator[Fault]:
        for leaves, entries, nodes in _read_chunks():
            for leaf in leaves:
                if leaf.index != self.frontier.size:
                    yield from self._end(gap=True)
                    return
                yield from _check_entry(leaf, entries.get(leaf.entry_id))
                self._add(leaf, nodes)
                settled = self._settle()
                yield from settled
                if any(fault.kind != FaultKind.TREE for fault in settled):
                    return
        yield from self._end(gap=False)

    def _add(self, leaf: LedgerLeaf, nodes: dict[tuple[int, int], bytes]) -> None:
        """Grow the tree by a leaf and compare with what is stored."""
        index = leaf.index
        self.batch.append((leaf.entry_id, index))
        completed = self.frontier.append(bytes(leaf.hash))
        if self.marking and bytes(leaf.mark) != mark(self.marking, index, self.frontier.root()):
            self._doubt(index, None, f"The mark of leaf {index} is wrong.")
        for node in completed:
            if nodes.get((node.level, node.index)) != node.hash:
                first = max(node.index << node.level, self.proven)
                self._doubt(
                    first, index, f"The stored hash over leaves {first} to {index} is wrong."
                )

    def _doubt(self, index: int, last: int | None, sentence: str) -> None:
        if self.doubt is None:
            self.doubt = Fault(FaultKind.TREE, index, sentence, last)

    def _settle(self) -> list[Fault]:
        """At a signed size: is the root the signed one?"""
        size = self.frontier.size
        if size not in self.trusted:
            return []
        found = []
        if self.trusted[size] != {self.frontier.root()}:
            found.append(self._changed_since_proven())
        elif self.doubt is not None:
            found.append(self.doubt)
        self.doubt, self.batch, self.proven = None, [], size
        return found

    def _changed_since_proven(self) -> Fault:
        """The leaves since the last signed root are not those that were signed: which, and what was done?"""
        moved = _first_out_of_order(self.batch)
        if self.doubt:
            index, last = self.doubt.index, self.doubt.last
        else:
            index, last = self.proven, self.batch[-1][1]
        where = f"Leaf {index}" if last is None else f"One of the leaves {index} to {last}"
        if self.leaves > self.signed_size:
            kind, what = FaultKind.INSERTED, "was inserted; what follows moved down"
        elif self.leaves < self.signed_size:
            kind, what = FaultKind.DROPPED, "was dropped; what follows moved up"
        elif moved is not None:
            kind, what = FaultKind.REORDERED, "is not in its place"
            index = index if last is None else moved
        else:
            kind, what = FaultKind.EDITED, "is not the one that was signed"
        return Fault(kind, index, f"{where} {what}.", last)

    def _end(self, *, gap: bool) -> Iterator[Fault]:
        """After the last leaf, or where one is missing."""
        size, signed = self.frontier.size, self.signed_size
        if gap:
            yield Fault(FaultKind.DROPPED, size, f"Leaf {size} is missing.")
        elif self.doubt is not None and size < signed:
            yield self._changed_since_proven()
        elif size < signed:
            yield Fault(
                FaultKind.TRUNCATED,
                size,
                f"The ledger ends before leaf {size}; {signed} leaves were signed.",
                signed - 1,
            )
        elif size > signed:
            yield Fault(
                FaultKind.INSERTED,
                signed,
                f"Leaf {signed} is under no signed checkpoint: it was inserted, or the checkpoint was dropped.",
                size - 1,
            )


def _first_out_of_order(batch: Sequence[tuple[UUID, int]]) -> int | None:
    """Between two checkpoints leaves are in order of their entries' ids: the first index where that is broken."""
    for (entry, index), ordered in zip(batch, sorted(entry for entry, _ in batch), strict=True):
        if entry != ordered:
            return index
    return None


def _check_entry(leaf: LedgerLeaf, entry: LedgerEntry | None) -> Iterator[Fault]:
    """Does the entry still say what its leaf was made from?"""
    if entry is None:
        yield Fault(
            FaultKind.DROPPED, leaf.index, f"Entry {leaf.entry_id} of leaf {leaf.index} is missing."
        )
        return
    canonical = ledger.canonical_bytes(entry)
    hash_ = merkle.leaf_hash(canonical)
    what = f"Leaf {leaf.index}: entry {entry.pk}, {entry.event} of {entry.subject_kind} {entry.subject_id}"
    if hash_ != bytes(leaf.hash):
        if LedgerLeaf.objects.filter(hash=hash_).exclude(index=leaf.index).exists():
            yield Fault(
                FaultKind.REORDERED,
                leaf.index,
                f"{what}, belongs at another place.",
                entry_id=entry.pk,
            )
        else:
            yield Fault(
                FaultKind.EDITED,
                leaf.index,
                f"{what}, was edited after it was written.",
                entry_id=entry.pk,
            )
    elif canonical != bytes(entry.canonical):
        yield Fault(
            FaultKind.EDITED,
            leaf.index,
            f"{what}: its stored canonical bytes were edited.",
            entry_id=entry.pk,
        )


Chunk = tuple[list[LedgerLeaf], dict[UUID, LedgerEntry], dict[tuple[int, int], bytes]]


def _read_chunks() -> Iterator[Chunk]:
    """Leaves in order, with their entries and with the nodes that these leaves complete."""
    after = -1
    while leaves := list(LedgerLeaf.objects.filter(index__gt=after).order_by("index")[:CHUNK]):
        entries = LedgerEntry.objects.in_bulk([leaf.entry_id for leaf in leaves])
        first, after = leaves[0].index, leaves[-1].index
        nodes: dict[tuple[int, int], bytes] = {}
        for level in range(1, (after + 1).bit_length()):
            stored = LedgerNode.objects.filter(
                level=level, index__gte=first >> level, index__lt=(after + 1) >> level
            )
            nodes |= {(level, node.index): bytes(node.hash) for node in stored}
        yield leaves, entries, nodes
