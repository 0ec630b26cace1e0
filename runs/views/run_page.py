"""The overview of a run, made ready to print. What each part shows is read in the module of that part.

instances     which executions are shown: all, or of a large run what is unfolded
timeline      a row and bars for each of them
node_panel    the node that is selected, with its content for those who may see it
waiting       what parked nodes wait for
usage         models, tools, budget
troubles      what failed and did not end the run
family        parent, children, forks
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.timezone import now

from runs import gantt, paths
from runs.models import Run
from runs.taking_up import find_body
from runs.views import family, names, troubles, usage, waiting
from runs.views.address import Address
from runs.views.instances import Instances
from runs.views.node_panel import NodePanel, panel_of
from runs.views.timeline import TimelineReader, TimelineRow
from tenancy.access import TenantRequest, can
from tenancy.errors import GroveError
from tenancy.permissions import Permission
from workflows import opened
from workflows.definition import Definition, NodeGraph, NodeSpec
from workflows.drawing import GraphPicture, NodeLook, draw_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """The graph of one body of a container, as far as it has come."""

    id: str
    title: str
    picture: GraphPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    address: Address
    selected: str
    picture: GraphPicture | None
    insides: Sequence[Inside]
    timeline: gantt.Timeline
    rows: Sequence[TimelineRow]
    models: Sequence[usage.ModelUse]
    tools: Sequence[usage.ToolUse]
    budget: usage.BudgetUse | None
    panel: NodePanel | None
    waiting: waiting.AllWaiting
    troubles: troubles.Troubles | None
    family: family.Family
    wall_seconds: float
    response_seconds: float | None


def page_of(run: Run, request: TenantRequest) -> RunPage:
    """Everything the overview shows, in a bounded number of statements."""
    at = now()
    address = Address.of(run.get_absolute_url(), request.GET)
    nodes = find_nodes(run, find_definition(run))
    parked = waiting.waiting_in(run, request, nodes, address)
    instances = Instances(run, nodes, address, _selected(run, address, nodes, parked))
    timeline = TimelineReader(run, instances, address, at)
    drawing = _Drawing(instances, timeline, address)
    models, tools = usage.models_of(run), usage.tools_of(run)
    return RunPage(
        address=address,
        selected=instances.selected,
        picture=drawing.of_nodes(nodes, "") if nodes else None,
        insides=drawing.insides(),
        timeline=timeline.timeline,
        rows=timeline.rows(),
        models=models,
        tools=tools,
        budget=usage.budget_of(run),
        panel=panel_of(
            run,
            instances,
            waiting=parked.of(instances.selected),
            may_read=can(request, Permission.PAYLOAD_VIEW) and not run.is_disposed,
            called=(bool(models), bool(tools)),
        ),
        waiting=parked,
        troubles=troubles.troubles_of(run, nodes, address),
        family=family.family_of(run, has_children=instances.has_insides),
        # Nodes that ride with a wave may end a moment after the time that is put on it.
        wall_seconds=max(
            _seconds_to(run, run.finished_at or at) or 0.0, timeline.timeline.wall_seconds
        ),
        response_seconds=_seconds_to(run, run.response_at),
    )


def find_definition(run: Run) -> Definition | None:
    """The definition that the run ran; None once its workflow was disposed of."""
    if run.version.workflow.is_disposed:
        return None
    try:
        return opened.definitions_of([run.version]).get(run.version_id)
    except GroveError:
        return None


def find_nodes(run: Run, definition: Definition | None) -> NodeGraph | None:
    """The nodes of the run: those of its definition, or of the body of a container that it is."""
    if definition is None or "body" not in run.manifest:
        return definition
    return find_body(definition, run.manifest["body"])


def _selected(
    run: Run, address: Address, nodes: NodeGraph | None, parked: waiting.AllWaiting
) -> str:
    """What is asked for, where the run has it; or what failed, or waits for somebody. Else the record says."""
    if address.node and _is_known(address.node, nodes):
        return address.node
    if run.error_node:
        return run.error_node
    return parked.first[0].path if parked.first else ""


def _is_known(path: str, nodes: NodeGraph | None) -> bool:
    if nodes is None or names.find_spec(nodes, path) is not None:
        return True
    return names.is_child(path) and names.graph_around(nodes, path) is not None


class _Drawing:
    """Pictures of the run's graph, and of the bodies around what is selected."""

    def __init__(self, instances: Instances, timeline: TimelineReader, address: Address) -> None:
        self.instances = instances
        self.timeline = timeline
        self.address = address
        around = paths.bodies_around(instances.selected)
        self.bodies = list(reversed(around))
        self.trail = {instances.selected, *(paths.container_of(body) for body in around)}

    def insides(self) -> list[Inside]:
        """The bodies around the selected node; and where that is a container, the one that says most."""
        bodies = [*self.bodies, *self._telling_body()]
        drawn: list[Inside] = []
        for body in bodies:
            graph = names.graph_in(self.instances.nodes, body)
            if graph is not None:
                drawn.append(
                    Inside(
                        id=f"inside-{len(drawn)}",
                        title=self._title(body),
                        picture=self.of_nodes(graph, body),
                    )
                )
        return drawn

    def of_nodes(self, graph: NodeGraph, body: str) -> GraphPicture:
        looks = {node.id: self._look(node, paths.node_path(body, node.id)) for node in graph.nodes}
        return draw_graph(graph.graph, looks)

    def _telling_body(self) -> list[str]:
        """What failed, waits or runs; the last round; or else the first entry. None for child runs."""
        shown = self.instances.bodies(self.instances.selected)
        if shown is None or not shown.bodies or shown.bodies[0].child is not None:
            return []
        for wanted in ("failed", "waiting", "running"):
            for body in shown.bodies:
                if body.state == wanted:
                    return [body.path]
        is_round = bool(shown.bodies[-1].verdict)
        return [shown.bodies[-1 if is_round else 0].path]

    def _title(self, body: str) -> str:
        container = names.full_name(self.instances.nodes, paths.container_of(body))
        return f"Inside {container}, {names.body_words(self.instances.nodes, body).lower()}"

    def _look(self, node: NodeSpec, path: str) -> NodeLook:
        return NodeLook(
            title=node.title or node.id,
            kind=node.kind,
            note=self._note(node, path),
            state=self.instances.state(path),
            href=self.address.to_node(path),
            selected=path in self.trail,
            inside=len(node.body.nodes) if node.body else 0,
        )

    def _note(self, node: NodeSpec, path: str) -> str:
        container = self.instances.containers.get(path)
        if container is not None:
            one, many = ("round", "rounds") if node.kind == "refine" else ("entry", "entries")
            return f"{container.bodies:,} {one if container.bodies == 1 else many}"
        seconds = self.timeline.seconds(path)
        took = f" · {gantt.to_words(seconds)}" if seconds is not None else ""
        return f"{node.kind}{took}"


def _seconds_to(run: Run, moment: datetime | None) -> float | None:
    """From the start of the run."""
    if run.started_at is None or moment is None:
        return None
    return (moment - run.started_at).total_seconds()
