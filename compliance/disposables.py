"""What a disposable thing is, and which kinds there are. Upper floors register theirs in apps.py.

Disposal knows nothing about runs or workflows: it asks the kinds registered here what exists, which
data keys seal it, and to turn rows into tombstones.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from compliance.errors import DisposableUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """One record that would be disposed of.

    `parts` counts the rows that go with it ({"node_execution": 7}). `owner_label` and
    `fingerprint` (a salted commitment to the content, if there is one) enter the log only as
    keyed digests.
    """

    kind: str
    id: UUID
    owner_label: str = ""
    fingerprint: str = ""
    parts: Mapping[str, int] = field(default_factory=dict)


class Disposable(Protocol):
    """One kind of record that can be disposed of. All calls run inside the record's tenant.

    Records that are tombstones already are never found. `erase` runs in the caller's
    transaction, may be called twice for the same ids without harm, leaves foreign keys intact
    and content null, and writes nothing to the ledger.
    """

    kind: str  # "run"
    label: str  # "Run", for people
    parent: str  # the kind whose disposal takes this along; "" for none

    def find(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        """The living records with these ids, and those of the same kind below them."""

    def find_below(self, parents: Collection[UUID]) -> Sequence[PlanLine]:
        """The living records that belong to these parents. Empty for a kind without parent."""

    def find_copies(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        """Living records that took content of these over and stay, such as forks of runs. Empty for most kinds."""

    def check(self, ids: Collection[UUID]) -> None:
        """Raise DisposalRefused with a sentence when one of them may not go now (still running)."""

    def data_keys(self, ids: Collection[UUID]) -> Sequence[UUID]:
        """The data keys that seal the content of these records, and nothing else's."""

    def erase(self, ids: Collection[UUID], *, at: datetime) -> int:
        """Turn these records and their parts into tombstones. Gives the rows touched."""


_KINDS: dict[str, Disposable] = {}


def register(disposable: Disposable) -> None:
    """Make a kind known. Called from AppConfig.ready(); registering a kind again replaces it."""
    _KINDS[disposable.kind] = disposable


def get_disposable(kind: str) -> Disposable:
    if kind not in _KINDS:
        raise DisposableUnknown(f"Nothing of the kind {kind!r} can be disposed of.")
    return _KINDS[kind]


def all_kinds() -> list[str]:
    return sorted(_KINDS)


def children_of(kind: str) -> list[Disposable]:
    return [_KINDS[name] for name in all_kinds() if _KINDS[name].parent == kind]


def depth(kind: str) -> int:
    """How many registered parents are above a kind: children are erased before their parents."""
    above = 0
    while kind in _KINDS and above <= len(_KINDS):
        kind, above = _KINDS[kind].parent, above + 1
    return above


def find_tree(kind: str, ids: Collection[UUID]) -> list[PlanLine]:
    """These records and everything below them, each once, in the order of kind and id."""
    lines = list(get_disposable(kind).find(ids))
    frontier = [(kind, {line.id for line in lines})]
    while frontier:
        parent_kind, parents = frontier.pop()
        for child in children_of(parent_kind):
            below = list(child.find_below(parents)) if parents else []
            lines += below
            frontier.append((child.kind, {line.id for line in below}))
    unique = {(line.kind, line.id): line for line in lines}
    return [unique[key] for key in sorted(unique, key=lambda key: (key[0], str(key[1])))]


def find_copies(lines: Iterable[tuple[str, UUID]]) -> list[PlanLine]:
    """What stays when these records (kind, id) go, though it took content of theirs over."""
    by_kind: dict[str, set[UUID]] = defaultdict(set)
    for kind, record_id in lines:
        by_kind[kind].add(record_id)
    found = [
        copy for kind, ids in by_kind.items() for copy in get_disposable(kind).find_copies(ids)
    ]
    return [copy for copy in found if copy.id not in by_kind.get(copy.kind, ())]
