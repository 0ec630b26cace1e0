"""The selected node: its attempts, what it was given and made, its calls, what it waits for, what is inside of it.

Payloads are opened here, for those who may see them, and only of this node.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs import payloads
from runs.fork_plan import FORK
from runs.models import Decision, ModelCall, NodeExecution, NodeStatus, Run, RunEvent, ToolCall
from runs.views import names
from runs.views.given import Given
from runs.views.instances import BodiesShown, Instances
from runs.views.waiting import Waiting
from workflows.models import Deployment

EVENTS_OF_NODE = 100
CALLS_OF_NODE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One model call as it can be read: what was sent, what came back. None where it may not be seen."""

    call: ModelCall
    deployment: str
    request: Any
    response: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolExchange:
    """One tool call as it can be read."""

    call: ToolCall
    request: Any
    response: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePanel:
    path: str
    title: str
    where: str  # with the bodies around it, where it is in some
    description: str
    kind: str
    state: str
    on_failure: str
    attempts: Sequence[NodeExecution]
    latest: NodeExecution | None
    waiting: Waiting | None
    child: Run | None
    bodies: BodiesShown | None
    exchanges: Sequence[Exchange]
    tool_exchanges: Sequence[ToolExchange]
    decisions: Sequence[Decision]
    events: Sequence[RunEvent]
    inputs: Any
    output: Any
    compared: Mapping[str, Any] | None  # what decided that it was skipped
    payloads_shown: bool
    is_taken_over: bool  # from the run that this one was forked from


def panel_of(
    run: Run,
    instances: Instances,
    *,
    waiting: Waiting | None,
    may_read: bool,
    called: tuple[bool, bool],
) -> NodePanel | None:
    """What is selected; None where nothing is. `called`: whether the run called any model, and any tool."""
    path = instances.selected
    if not path:
        return None
    reader = _Reader(run, instances, path, may_read=may_read)
    spec, latest = reader.spec, instances.latest(path)
    skipped = latest is not None and latest.status == NodeStatus.SKIPPED
    output = reader.output(latest)
    return NodePanel(
        path=path,
        title=names.title_of(instances.nodes, path),
        where=names.full_name(instances.nodes, path) if "[" in path else "",
        description=spec.description if spec else "",
        kind=spec.kind if spec else (latest.kind if latest else ""),
        state=str(latest.status) if latest else "queued",
        on_failure=spec.on_failure if spec else "",
        attempts=instances.attempts.get(path, []),
        latest=latest,
        waiting=waiting,
        child=instances.child_of(path),
        bodies=instances.bodies(path),
        exchanges=reader.exchanges() if called[0] else [],
        tool_exchanges=reader.tool_exchanges() if called[1] else [],
        decisions=list(run.decisions.filter(node_id=path)[:CALLS_OF_NODE]),
        events=list(run.events.filter(node_id=path)[:EVENTS_OF_NODE]),
        inputs=reader.inputs() if latest and not skipped else None,
        output=None if skipped else output,
        compared=output.get("compared") if skipped and isinstance(output, dict) else None,
        payloads_shown=may_read,
        is_taken_over=latest is not None and latest.worker == FORK,
    )


class _Reader:
    def __init__(self, run: Run, instances: Instances, path: str, *, may_read: bool) -> None:
        self.run = run
        self.instances = instances
        self.path = path
        self.may_read = may_read
        self.spec = names.find_spec(instances.nodes, path)

    def exchanges(self) -> list[Exchange]:
        calls = self.run.model_calls.filter(node_id=self.path)
        found = list(self._without_content(calls)[:CALLS_OF_NODE])
        names = Deployment.objects.in_bulk({call.deployment_id for call in found}) if found else {}
        return [
            Exchange(
                call=call,
                deployment=names[call.deployment_id].name
                if call.deployment_id in names
                else "removed",
                request=self._open(call, "request_sealed"),
                response=self._open(call, "response_sealed"),
            )
            for call in found
        ]

    def tool_exchanges(self) -> list[ToolExchange]:
        calls = self.run.tool_calls.filter(node_id=self.path)
        return [
            ToolExchange(
                call=call,
                request=self._open(call, "request_sealed"),
                response=self._open(call, "response_sealed"),
            )
            for call in self._without_content(calls)[:CALLS_OF_NODE]
        ]

    def inputs(self) -> Any:
        """What the node was given: the run's input, or the values that it declared it reads."""
        if not self.may_read or self.spec is None or self.instances.nodes is None:
            return None
        if self.spec.kind == "input":
            return payloads.open_payload(self.run, "input_sealed")
        return Given(self.run, self.instances.nodes).to_node(self.path)

    def output(self, latest: NodeExecution | None) -> Any:
        return self._open(latest, "output_sealed") if latest else None

    def _without_content(self, calls: Any) -> Any:
        return calls if self.may_read else calls.defer("request_sealed", "response_sealed")

    def _open(self, record: Any, column: str) -> Any:
        return payloads.open_payload(record, column) if self.may_read else None
