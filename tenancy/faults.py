"""What can be wrong with a ledger, as values."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class FaultKind(StrEnum):
    EDITED = "edited"
    DROPPED = "dropped"
    REORDERED = "reordered"
    INSERTED = "inserted"
    TRUNCATED = "truncated"
    TREE = "tree"  # the entries are as signed, a stored hash of the tree is not
    FORGED = "forged"  # a checkpoint or a signing key does not hold


@dataclass(frozen=True, slots=True)
class Fault:
    """The first wrong leaf (counted from 0), what was done, and a sentence. `last` where it is one of several."""

    kind: FaultKind
    index: int
    sentence: str
    last: int | None = None
    entry_id: UUID | None = None
