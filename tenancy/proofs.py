"""Proofs out of the tree: that an entry is under a signed checkpoint; that a checkpoint continues an older one."""

from dataclasses import dataclass

from tenancy import merkle
from tenancy.errors import NotSequenced
from tenancy.models import LedgerCheckpoint, LedgerEntry, LedgerLeaf
from tenancy.sequencer import read_node


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """RFC 6962 audit path from a leaf to the root of a signed checkpoint."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    checkpoint: LedgerCheckpoint


def prove_inclusion(entry: LedgerEntry) -> InclusionProof:
    """Under the newest checkpoint. Raises NotSequenced for an entry that has no leaf yet."""
    leaf = LedgerLeaf.objects.filter(entry_id=entry.pk).first()
    checkpoint = LedgerCheckpoint.objects.order_by("-size").first()
    if leaf is None or checkpoint is None or leaf.index >= checkpoint.size:
        raise NotSequenced
    path = merkle.inclusion_proof(leaf.index, checkpoint.size, read_node)
    return InclusionProof(leaf.index, bytes(leaf.hash), tuple(path), checkpoint)


def prove_consistency(old: LedgerCheckpoint, new: LedgerCheckpoint) -> list[bytes]:
    """That the newer checkpoint's tree begins with the older one's."""
    return merkle.consistency_proof(old.size, new.size, read_node)
