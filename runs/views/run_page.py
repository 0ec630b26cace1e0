"""What the page of a run shows, made ready to print: graph, timeline, the selected node, models.

Reads only. Payloads are opened for those who may see them, and only of the node that is selected.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.timezone import now

from runs import gantt, payloads
from runs.models import Decision, ModelCall, NodeExecution, NodeStatus, Run, RunEvent
from tenancy.errors import GroveError
from workflows.definition import Definition
from workflows.drawing import ICONS, GraphPicture, NodeLook, draw_graph
from workflows.graph import Graph
from workflows.models import Deployment

EVENTS_OF_NODE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    title: str
    icon: str
    href: str
    selected: bool
    seconds: float | None
    cost_micros: int | None
    bars: tuple[gantt.Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """What one model at one deployment was used for in this run."""

    model: str
    deployment: str
    provider: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One model call as it can be read: what was sent, what came back. None where it may not be seen."""

    call: ModelCall
    deployment: str
    request: Any
    response: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePanel:
    id: str
    title: str
    description: str
    kind: str
    state: str
    attempts: Sequence[NodeExecution]
    latest: NodeExecution | None
    exchanges: Sequence[Exchange]
    decisions: Sequence[Decision]
    events: Sequence[RunEvent]
    inputs: Any
    output: Any
    payloads_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    picture: GraphPicture | None
    timeline: gantt.Timeline
    rows: Sequence[TimelineRow]
    models: Sequence[ModelUse]
    panel: NodePanel | None
    active_seconds: float
    wall_seconds: float


class RunReader:
    """Reads a run once and answers the parts of its page from memory."""

    def __init__(self, run: Run, *, selected: str, scale: str, may_read: bool) -> None:
        self.run = run
        self.scale: gantt.Scale = "wall" if scale == "wall" else "active"
        self.may_read = may_read and not run.is_disposed
        self.definition = find_definition(run)
        self.executions: Mapping[str, list[NodeExecution]] = _by_node(
            run.node_executions.defer("output_sealed").order_by("attempt", "id")
        )
        self.calls: Sequence[ModelCall] = list(
            run.model_calls.defer("request_sealed", "response_sealed")
        )
        self.deployments = {
            deployment.pk: deployment
            for deployment in Deployment.objects.select_related("provider").filter(
                pk__in={call.deployment_id for call in self.calls}
            )
        }
        self.order = self._order()
        self.selected = selected if selected in self.order else self._telling_node()

    def page(self) -> RunPage:
        at = now()
        timeline = gantt.lay_out(self._attempts(), now=at, scale=self.scale)
        return RunPage(
            picture=self._picture(),
            timeline=timeline,
            rows=self._rows(timeline),
            models=self._models(),
            panel=self._panel(),
            active_seconds=timeline.active_seconds,
            wall_seconds=_seconds(self.run.started_at, self.run.finished_at, at) or 0.0,
        )

    # -- nodes --------------------------------------------------------------------------------------

    def _order(self) -> tuple[str, ...]:
        if self.definition is not None:
            return self.definition.graph.order
        return tuple(self.executions)

    def _telling_node(self) -> str:
        """The node that a reader wants first: what failed, what runs, or the last that ended."""
        if self.run.error_node in self.order:
            return self.run.error_node
        latest = {node: rows[-1] for node, rows in self.executions.items()}
        for wanted in (NodeStatus.FAILED, NodeStatus.WAITING, NodeStatus.RUNNING):
            for node in self.order:
                if node in latest and latest[node].status == wanted:
                    return node
        done = [n for n in self.order if n in latest and latest[n].status == NodeStatus.COMPLETED]
        return done[-1] if done else next(iter(self.order), "")

    def _title(self, node: str) -> str:
        found = self.definition.node(node) if self.definition else None
        return (found.title or node) if found else node

    def _kind(self, node: str) -> str:
        if self.definition is not None:
            return self.definition.kinds[node]
        rows = self.executions.get(node, [])
        return rows[-1].kind if rows else ""

    def _state(self, node: str) -> str:
        rows = self.executions.get(node, [])
        if not rows:
            return "queued"
        latest = rows[-1]
        retried = latest.status == NodeStatus.COMPLETED and latest.attempt > 1
        return "retried" if retried else str(latest.status)

    def _href(self, node: str) -> str:
        wall = "&scale=wall" if self.scale == "wall" else ""
        return f"{self.run.get_absolute_url()}?node={node}{wall}"

    # -- graph and timeline -------------------------------------------------------------------------

    def _picture(self) -> GraphPicture | None:
        if self.definition is None:
            return None
        graph: Graph = self.definition.graph
        return draw_graph(graph, {node: self._look(node) for node in graph.nodes})

    def _look(self, node: str) -> NodeLook:
        seconds = self._node_seconds(node)
        kind = self._kind(node)
        took = f" · {gantt.to_words(seconds)}" if seconds is not None else ""
        return NodeLook(
            title=self._title(node),
            kind=kind,
            note=f"{kind}{took}",
            state=self._state(node),
            href=self._href(node),
            selected=node == self.selected,
        )

    def _attempts(self) -> list[gantt.Attempt]:
        return [
            gantt.Attempt(
                node_id=row.node_id,
                number=row.attempt,
                tone=_tone(row),
                started_at=row.started_at,
                finished_at=row.finished_at,
            )
            for rows in self.executions.values()
            for row in rows
            if row.started_at is not None and row.status != NodeStatus.SKIPPED
        ]

    def _rows(self, timeline: gantt.Timeline) -> list[TimelineRow]:
        return [
            TimelineRow(
                title=self._title(node),
                icon=ICONS.get(self._kind(node), "tool"),
                href=self._href(node),
                selected=node == self.selected,
                seconds=self._node_seconds(node),
                cost_micros=self._node_cost(node),
                bars=timeline.bars_of(node),
            )
            for node in self.order
            if timeline.bars_of(node)
        ]

    def _node_seconds(self, node: str) -> float | None:
        rows = [row for row in self.executions.get(node, []) if row.status != NodeStatus.SKIPPED]
        spans = [_seconds(row.started_at, row.finished_at, now()) for row in rows]
        known = [span for span in spans if span is not None]
        return sum(known) if known else None

    def _node_cost(self, node: str) -> int | None:
        if not any(call.node_id == node for call in self.calls):
            return None
        return sum(row.cost_micros for row in self.executions.get(node, []))

    def _models(self) -> list[ModelUse]:
        groups: dict[tuple[str, Any], list[ModelCall]] = defaultdict(list)
        for call in self.calls:
            groups[(call.model_answered or call.model_requested, call.deployment_id)].append(call)
        return [
            ModelUse(
                model=model,
                deployment=self._deployment_name(deployment_id),
                provider=str(self.deployments[deployment_id].provider)
                if deployment_id in self.deployments
                else "",
                calls=len(calls),
                tokens_in=sum(call.tokens_in for call in calls),
                tokens_out=sum(call.tokens_out for call in calls),
                cost_micros=sum(call.cost_micros for call in calls),
            )
            for (model, deployment_id), calls in groups.items()
        ]

    def _deployment_name(self, deployment_id: Any) -> str:
        found = self.deployments.get(deployment_id)
        return found.name if found else "removed"

    # -- the selected node --------------------------------------------------------------------------

    def _panel(self) -> NodePanel | None:
        node = self.selected
        if not node:
            return None
        rows = self.executions.get(node, [])
        spec = self.definition.node(node) if self.definition else None
        latest = rows[-1] if rows else None
        return NodePanel(
            id=node,
            title=self._title(node),
            description=spec.description if spec else "",
            kind=self._kind(node),
            state=str(latest.status) if latest else "queued",
            attempts=rows,
            latest=latest,
            exchanges=self._exchanges(node),
            decisions=list(self.run.decisions.filter(node_id=node)),
            events=list(self.run.events.filter(node_id=node)[:EVENTS_OF_NODE]),
            inputs=self._inputs(node) if rows else None,
            output=self._output(latest),
            payloads_shown=self.may_read,
        )

    def _exchanges(self, node: str) -> list[Exchange]:
        calls = self.run.model_calls.filter(node_id=node)
        if not self.may_read:
            calls = calls.defer("request_sealed", "response_sealed")
        return [
            Exchange(
                call=call,
                deployment=self._deployment_name(call.deployment_id),
                request=payloads.open_payload(call, "request_sealed") if self.may_read else None,
                response=payloads.open_payload(call, "response_sealed") if self.may_read else None,
            )
            for call in calls
        ]

    def _inputs(self, node: str) -> Any:
        """What the node was given: the run's input, or the outputs that it declared it reads."""
        if not self.may_read or self.definition is None:
            return None
        if self._kind(node) == "input":
            return payloads.open_payload(self.run, "input_sealed")
        read = self.definition.reads(node)
        rows = self.run.node_executions.filter(node_id__in=list(read), status=NodeStatus.COMPLETED)
        return {row.node_id: payloads.open_payload(row, "output_sealed") for row in rows}

    def _output(self, latest: NodeExecution | None) -> Any:
        if latest is None or not self.may_read:
            return None
        return payloads.open_payload(latest, "output_sealed")


def find_definition(run: Run) -> Definition | None:
    """The definition that the run ran; None once its workflow was disposed of."""
    try:
        definition: Definition = run.version.revision.definition
    except GroveError:
        return None
    return definition


def _by_node(rows: Any) -> dict[str, list[NodeExecution]]:
    groups: dict[str, list[NodeExecution]] = defaultdict(list)
    for row in rows:
        groups[row.node_id].append(row)
    return dict(groups)


def _tone(row: NodeExecution) -> str:
    if row.status in (NodeStatus.FAILED, NodeStatus.CANCELLED):
        return "failed"
    if row.status == NodeStatus.WAITING:
        return "waiting"
    return "model" if row.kind == "llm" else "work"


def _seconds(start: datetime | None, end: datetime | None, at: datetime) -> float | None:
    return None if start is None else ((end or at) - start).total_seconds()
