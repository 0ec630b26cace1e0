"""The timeline of a run: a row for each node that began, and below a container those of its bodies."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runs import gantt
from runs.fork_plan import FORK
from runs.models import NodeExecution, NodeStatus, Run, RunStatus
from runs.spans import QUIET_KINDS, STARTERS, working_spans
from runs.views import names
from runs.views.address import Address
from runs.views.containers import CONTAINER_KINDS
from runs.views.instances import BodiesShown, BodyShown, Instances
from workflows.drawing import ICONS

SEEN_FROM = timedelta(milliseconds=20)  # a shorter wait before another attempt is not drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Whether what is inside of a container is shown, and the address at which it is the other way."""

    is_open: bool
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """A node with its bars; or the name of a body; or, with `pages`, the way to more bodies."""

    title: str
    path: str = ""
    level: int = 0
    icon: str = ""
    href: str = ""
    selected: bool = False
    seconds: float | None = None
    cost_micros: int | None = None
    bars: Sequence[gantt.Bar] = ()
    note: str = ""
    state: str = ""
    fold: Fold | None = None
    pages: Sequence[tuple[str, str]] = ()


class TimelineReader:
    """Lays out once what is shown, then makes the rows."""

    def __init__(self, run: Run, instances: Instances, address: Address, at: datetime) -> None:
        self.run = run
        self.instances = instances
        self.address = address
        self.at = at
        nodes = instances.nodes
        begun = [path for path in instances.attempts if "[" not in path]
        self.order = nodes.graph.order if nodes else tuple(begun)
        self.timeline = gantt.lay_out(
            [each for path in self._paths(self.order) for each in self._attempts(path)],
            now=at,
            scale=address.scale,
            unseen=working_spans(run, now=at) if instances.is_folded else (),
        )
        self._bars: dict[str, list[gantt.Bar]] = {}
        for bar in self.timeline.bars:
            self._bars.setdefault(bar.node_id, []).append(bar)

    def rows(self) -> list[TimelineRow]:
        return list(self._rows(self.order, 0))

    def seconds(self, path: str) -> float | None:
        """How long all attempts of a node took together, up to now."""
        spans = [
            ((row.finished_at or self.at) - row.started_at).total_seconds()
            for row in self.instances.attempts.get(path, [])
            if row.started_at is not None and row.status != NodeStatus.SKIPPED
        ]
        return sum(spans) if spans else None

    # -- what is shown ------------------------------------------------------------------------------

    def _paths(self, nodes: Iterable[str]) -> Iterator[str]:
        for path in nodes:
            yield path
            shown = self._bodies(path)
            for body in shown.bodies if shown else ():
                yield from self._paths(body.nodes)

    def _bodies(self, path: str) -> BodiesShown | None:
        return self.instances.bodies(path) if self.instances.shows(path) else None

    def _rows(self, nodes: Iterable[str], level: int) -> Iterator[TimelineRow]:
        for path in nodes:
            if path not in self._bars:
                continue
            yield self._node_row(path, level)
            shown = self._bodies(path)
            if shown is not None:
                yield from self._rows_inside(shown, level + 1)

    def _rows_inside(self, shown: BodiesShown, level: int) -> Iterator[TimelineRow]:
        for body in shown.bodies:
            if body.child is not None:
                yield from (self._child_row(path, body, level) for path in body.nodes)
            else:
                yield TimelineRow(
                    title=body.words,
                    level=level,
                    state=body.verdict or _unless_completed(body.state),
                )
                yield from self._rows(body.nodes, level + 1)
        pages = [("Earlier", shown.previous_href), ("Later", shown.next_href)]
        if shown.is_paged:
            yield TimelineRow(
                title=shown.words, level=level, pages=[each for each in pages if each[1]]
            )

    def _node_row(self, path: str, level: int) -> TimelineRow:
        row = self.instances.attempts[path][-1]
        inside = self.instances.containers.get(path)
        calls = bool(row.model) or row.kind == "llm"
        cost = sum(each.cost_micros for each in self.instances.attempts[path]) if calls else None
        return TimelineRow(
            title=names.title_of(self.instances.nodes, path),
            path=path,
            level=level,
            icon=ICONS.get(row.kind, "tool"),
            href=self.address.to_node(path),
            selected=path == self.instances.selected,
            seconds=self.seconds(path),
            cost_micros=(inside.cost_micros or None) if inside else cost,
            bars=self._bars[path],
            note=f"{inside.bodies:,}" if inside else "",
            fold=self._fold(path) if inside and self.instances.is_folded else None,
        )

    def _child_row(self, path: str, body: BodyShown, level: int) -> TimelineRow:
        return TimelineRow(
            title=body.words,
            path=path,
            level=level,
            icon=ICONS["sub_workflow"],
            href=self.address.to_node(path),
            selected=path == self.instances.selected,
            seconds=self.seconds(path),
            bars=self._bars.get(path, ()),
            state=_unless_completed(body.state),
        )

    def _fold(self, path: str) -> Fold:
        if self.instances.shows(path):
            return Fold(is_open=True, href=self.address.folded(path))
        return Fold(is_open=False, href=self.address.unfolded(path))

    # -- bars ---------------------------------------------------------------------------------------

    def _attempts(self, path: str) -> Iterator[gantt.Attempt]:
        """Its attempts, and the waits before those that followed a failure."""
        before: NodeExecution | None = None
        for row in self.instances.attempts.get(path, ()):
            since = before.finished_at if before is not None else None
            if since is not None and (row.started_at or self.at) - since > SEEN_FROM:
                yield _attempt(row, "waiting", since, row.started_at)
            if row.started_at is not None and row.status != NodeStatus.SKIPPED:
                yield _attempt(row, _tone(row), row.started_at, row.finished_at)
            before = row


def _attempt(row: NodeExecution, tone: str, start: datetime, end: datetime | None) -> gantt.Attempt:
    return gantt.Attempt(
        node_id=row.node_id, number=row.attempt, tone=tone, started_at=start, finished_at=end
    )


def _unless_completed(state: str) -> str:
    """What goes as it should needs no badge in a list of many."""
    return "" if state == RunStatus.COMPLETED else state


def _tone(row: NodeExecution) -> str:
    if row.kind in CONTAINER_KINDS or row.worker == FORK:
        return "box"
    if row.kind in QUIET_KINDS or (row.status == NodeStatus.WAITING and row.kind not in STARTERS):
        return "waiting"
    if row.status in (NodeStatus.FAILED, NodeStatus.CANCELLED):
        return "failed"
    return "model" if row.kind == "llm" else "work"
