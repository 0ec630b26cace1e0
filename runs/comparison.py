"""Two runs side by side, node by node: how each ended, how long it took, what it cost, and whether they made the same.

PostgreSQL says of all nodes which ended otherwise. Outputs are compared by content for who may read it, of some nodes
at a time: they have to be opened. For everybody else there are the commitments, which are salted: they say that two
outputs are the same only where both are of one row, and otherwise nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from django.db import connection

from runs import payloads
from runs.errors import PayloadGone
from runs.evidence import canonical
from runs.fork_plan import FORK
from runs.models import NodeExecution, Run
from runs.replay_report import in_order
from tenancy import keys
from tenancy.context import current_tenant
from tenancy.errors import KeyDestroyed
from tenancy.keys import DataKeyRef

AT_ONCE = 100  # nodes whose outputs are in memory together
LOOKED_AT = 1000  # nodes whose outputs are compared for one answer
OF_SIDES = (
    "tenant", "run", "node_id", "kind", "attempt", "status", "output_commitment", "branch", "error_code", "started_at",
    "finished_at", "worker", "cost_micros",
)  # fmt: skip
# Of each node its last attempt in both runs. What only the outputs can tell is open.
OUTLINE = """
SELECT node_id, CASE
    WHEN count(*) < %(runs)s OR count(DISTINCT (status, error_code, branch)) > 1 THEN 'differs'
    WHEN min(output_commitment) = '' OR min(output_commitment) = max(output_commitment) THEN 'same'
    ELSE 'open' END
FROM (
    SELECT DISTINCT ON (node_id, run_id) node_id, status, error_code, branch, output_commitment
    FROM runs_nodeexecution WHERE tenant_id = %(tenant)s AND run_id = ANY(%(ids)s)
    ORDER BY node_id, run_id, attempt DESC
) AS last GROUP BY node_id
"""


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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`nodes` are the paths of all, in the order of the left run's graph; `doubtful` those of them that differ or whose
    outputs have to be compared before anybody knows. What is said of a node is read with `read`, of some at a time."""

    left: Run
    right: Run
    nodes: tuple[str, ...]
    doubtful: tuple[str, ...]
    differing: int  # surely: in state, error or branch, or because one run does not have them
    reader: _Reader

    @cached_property
    def input_same(self) -> bool | None:
        return self.reader.same(self.left, self.right, "input_sealed")

    @cached_property
    def output_same(self) -> bool | None:
        return self.reader.same(self.left, self.right, "output_sealed")

    def read(self, nodes: Sequence[str]) -> Iterator[Pair]:
        """Two statements for a hundred nodes."""
        for first in range(0, len(nodes), AT_ONCE):
            yield from self._read(nodes[first : first + AT_ONCE])

    def look(self, start: int = 0, *, most: int) -> tuple[list[Pair], int]:
        """Of the doubtful ones from this place on those that differ, and how far this look came."""
        found: list[Pair] = []
        start = min(start, len(self.doubtful))
        end = min(start + LOOKED_AT, len(self.doubtful))
        for place, pair in enumerate(self.read(self.doubtful[start:end]), start + 1):
            found += [pair] if pair.differs else []
            if len(found) == most:
                return found, place
        return found, end

    def _read(self, nodes: Sequence[str]) -> list[Pair]:
        rows = self._attempts_of(nodes)
        both = [
            (path, rows.get((self.left.pk, path)), rows.get((self.right.pk, path)))
            for path in nodes
        ]
        to_open = [row[-1] for _, *sides in both if all(sides) for row in sides if row]
        with _content_of(to_open, may_read=self.reader.may_read):
            return [_pair(path, one, other, self.reader) for path, one, other in both]

    def _attempts_of(self, nodes: Sequence[str]) -> Mapping[tuple[UUID, str], list[NodeExecution]]:
        """By run and path, in order. Content is read where it is compared, and no sooner."""
        runs = {run.pk: run for run in (self.left, self.right)}
        grouped: dict[tuple[UUID, str], list[NodeExecution]] = defaultdict(list)
        rows = NodeExecution.objects.filter(run__in=runs, node_id__in=nodes).only(*OF_SIDES)
        for row in rows.order_by("attempt"):
            row.run = runs[row.run_id]
            grouped[row.run_id, row.node_id].append(row)
        return grouped


def compare(left: Run, right: Run, *, may_read: bool) -> Comparison:
    """Compare two runs of the tenant, whatever their workflows and versions: nodes are matched by their paths."""
    states = _outline(left, right)
    paths = [
        path for path in in_order(left.version.revision.definition, set(states)) if path in states
    ]
    doubts = ("differs", "open") if may_read else ("differs",)
    return Comparison(
        left=left,
        right=right,
        nodes=tuple(paths),
        doubtful=tuple(path for path in paths if states[path] in doubts),
        differing=sum(state == "differs" for state in states.values()),
        reader=_Reader(may_read=may_read),
    )


def _outline(left: Run, right: Run) -> dict[str, str]:
    """Of each node by its path: differs, same, or open."""
    ids = {left.pk, right.pk}
    asked = {"tenant": current_tenant().pk, "ids": list(ids), "runs": len(ids)}
    with connection.cursor() as cursor:
        cursor.execute(OUTLINE, asked)
        return dict(cursor.fetchall())


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
