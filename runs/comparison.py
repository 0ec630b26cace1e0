"""Two runs side by side, node by node: how each ended, how long it took, what it cost, and whether they made the same.

Outputs are compared by content for who may read it. For everybody else there are the commitments, which are salted:
they say that two outputs are the same only where both are of one row, and otherwise nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from runs import payloads
from runs.errors import PayloadGone
from runs.evidence import canonical
from runs.fork_plan import FORK
from runs.models import NodeExecution, Run
from runs.replay_report import in_order
from tenancy import keys
from tenancy.errors import KeyDestroyed
from tenancy.keys import DataKeyRef

AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One node in one of the runs: its last attempt. `seconds` is None where it has not ended."""

    execution_id: UUID
    status: str
    attempts: int
    seconds: float | None
    cost_micros: int
    error_code: str
    branch: str
    taken_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A node in both. `output_same` is None where nobody can say, or the reader may not know."""

    node: str
    kind: str
    left: Side | None
    right: Side | None
    output_same: bool | None

    @property
    def differs(self) -> bool:
        """In state, error, branch or output; time and cost are never quite the same."""
        if self.left is None or self.right is None:
            return True
        shown = [(s.status, s.error_code, s.branch) for s in (self.left, self.right)]
        return shown[0] != shown[1] or self.output_same is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`nodes` are in the order of the left run's graph; `first` is the first of them that differs."""

    left: Run
    right: Run
    nodes: tuple[Pair, ...]
    input_same: bool | None
    output_same: bool | None

    @property
    def first(self) -> Pair | None:
        return next((pair for pair in self.nodes if pair.differs), None)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Opens content of runs for who may read it, and remembers the keys that are gone."""

    may_read: bool
    opened: dict[UUID, DataKeyRef | None] = field(default_factory=dict)

    def same(
        self, left: Run | NodeExecution, right: Run | NodeExecution, column: str
    ) -> bool | None:
        commitment = column.replace("_sealed", "_commitment")
        committed = [getattr(record, commitment) for record in (left, right)]
        if committed[0] and committed[0] == committed[1]:
            return True
        if not self.may_read or not all(committed):
            return None
        try:
            return self._open(left, column) == self._open(right, column)
        except PayloadGone:
            return None

    def _open(self, record: Run | NodeExecution, column: str) -> bytes:
        run = record if isinstance(record, Run) else record.run
        if run.data_key_id not in self.opened:
            self.opened[run.data_key_id] = _key_of(run)
        key = self.opened[run.data_key_id]
        if key is None or getattr(record, column) is None:
            raise PayloadGone
        return canonical(payloads.open_for_export(record, column, key))


def compare(left: Run, right: Run, *, may_read: bool) -> Comparison:
    """Compare two runs of the tenant, whatever their workflows and versions: nodes are matched by their paths."""
    reader = _Reader(may_read=may_read)
    rows = {run.pk: _attempts_of(run) for run in (left, right)}
    known = {*rows[left.pk], *rows[right.pk]}
    definition = left.version.revision.definition
    paths = [path for path in in_order(definition, known) if path in known]
    pairs: list[Pair] = []
    for first in range(0, len(paths), AT_ONCE):
        both = [
            (path, rows[left.pk].get(path), rows[right.pk].get(path))
            for path in paths[first : first + AT_ONCE]
        ]
        with _content_of(
            [row[-1] for _, *sides in both for row in sides if row], may_read=may_read
        ):
            pairs += [_pair(path, one, other, reader) for path, one, other in both]
    return Comparison(
        left=left,
        right=right,
        nodes=tuple(pairs),
        input_same=reader.same(left, right, "input_sealed"),
        output_same=reader.same(left, right, "output_sealed"),
    )


def _attempts_of(run: Run) -> Mapping[str, list[NodeExecution]]:
    """By path, in order. Content is read where it is compared, and no sooner."""
    grouped: dict[str, list[NodeExecution]] = {}
    rows = NodeExecution.objects.filter(run=run).defer("output_sealed").order_by("attempt")
    for row in rows:
        row.run = run
        grouped.setdefault(row.node_id, []).append(row)
    return grouped


@contextmanager
def _content_of(rows: list[NodeExecution], *, may_read: bool) -> Iterator[None]:
    """With the outputs of these rows at hand, and without them afterwards."""
    wanted = [row.pk for row in rows] if may_read else []
    found = NodeExecution.objects.filter(pk__in=wanted).values_list("pk", "output_sealed")
    sealed = dict(found)
    for row in rows:
        row.output_sealed = sealed.get(row.pk)
    yield
    for row in rows:
        row.output_sealed = None


def _pair(
    path: str,
    left: list[NodeExecution] | None,
    right: list[NodeExecution] | None,
    reader: _Reader,
) -> Pair:
    output_same = None
    if left and right:
        output_same = reader.same(left[-1], right[-1], "output_sealed")
    return Pair(
        node=path,
        kind=(left or right or [])[-1].kind,
        left=_side(left) if left else None,
        right=_side(right) if right else None,
        output_same=output_same,
    )


def _side(attempts: list[NodeExecution]) -> Side:
    last = attempts[-1]
    return Side(
        execution_id=last.pk,
        status=last.status,
        attempts=len(attempts),
        seconds=_seconds(attempts),
        cost_micros=sum(row.cost_micros for row in attempts),
        error_code=last.error_code,
        branch=last.branch,
        taken_over=last.worker == FORK,
    )


def _seconds(attempts: Iterable[NodeExecution]) -> float | None:
    """From the first start to the last end."""
    rows = list(attempts)
    if rows[0].started_at is None or rows[-1].finished_at is None:
        return None
    return (rows[-1].finished_at - rows[0].started_at).total_seconds()


def _key_of(run: Run) -> DataKeyRef | None:
    if run.is_disposed:
        return None
    try:
        return keys.open_data_key(run.data_key_id)
    except KeyDestroyed:
        return None
