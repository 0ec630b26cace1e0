"""The Merkle tree of RFC 6962: hashes, roots, proofs and their verification. Pure: no database, no clock."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

NodeReader = Callable[[int, int], bytes]  # (level, index) of a complete subtree -> its hash


def leaf_hash(content: bytes) -> bytes:
    """RFC 6962, 2.1: a leaf is hashed with the prefix 0x00."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962, 2.1: an inner node is hashed with the prefix 0x01."""
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY_ROOT = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Node:
    """The hash of a complete subtree: 2**level leaves, beginning at leaf index * 2**level."""

    level: int
    index: int
    hash: bytes


@dataclass
class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, the largest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    @classmethod
    def read(cls, size: int, node: NodeReader) -> "Frontier":
        """The frontier of a tree with `size` leaves, from its stored nodes (level 0: leaves)."""
        return cls(size, [node(level, index) for level, index in peaks_of(size)])

    def append(self, leaf: bytes) -> list[Node]:
        """Add a leaf's hash. Returns the inner nodes that are complete now, the lowest first."""
        completed = []
        hash_, index, level = leaf, self.size, 0
        while index & 1:
            hash_ = node_hash(self.peaks.pop(), hash_)
            index >>= 1
            level += 1
            completed.append(Node(level, index, hash_))
        self.peaks.append(hash_)
        self.size += 1
        return completed

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        hash_ = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            hash_ = node_hash(peak, hash_)
        return hash_


def peaks_of(size: int) -> list[tuple[int, int]]:
    """(level, index) of the complete subtrees that a tree of this size consists of, left to right."""
    peaks, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            peaks.append((level, start >> level))
            start += 1 << level
    return peaks


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The tree's root over these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """RFC 6962, 2.1.1: the audit path of a leaf in the tree of `size` leaves, the lowest hash first."""
    if not 0 <= index < size:
        message = f"Leaf {index} is not in a tree of {size} leaves."
        raise ValueError(message)
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, size: int, node: NodeReader) -> list[bytes]:
    """RFC 6962, 2.1.2: that the tree of `old` leaves is the beginning of the tree of `size` leaves."""
    if not 0 < old <= size:
        message = f"A tree of {old} leaves is not the beginning of one of {size}."
        raise ValueError(message)
    path, start, end, whole = [], 0, size, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(_range_root(start, end, node))
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2: does the proof lead from this leaf to this root?"""
    if not 0 <= index < size:
        return False
    position, last, hash_ = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            hash_ = node_hash(sibling, hash_)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and hash_ == root


def is_consistent(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> bool:
    """RFC 9162, 2.1.4.2: is the tree under `old_root` the beginning of the one under `root`?"""
    if not 0 < old <= size:
        return False
    if old == size:
        return old_root == root and not proof
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes:
        return False
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and older == old_root and newer == root


def _range_root(start: int, end: int, node: NodeReader) -> bytes:
    """The root over leaves [start, end), from the hashes of complete subtrees. Start is aligned by construction."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(count)
    return node_hash(_range_root(start, middle, node), _range_root(middle, end, node))


def _split(count: int) -> int:
    """The largest power of two smaller than count."""
    return 1 << (count - 1).bit_length() - 1
