"""Which executions of a run its page shows: all of a small run, and of a large one what is unfolded.

Few statements, however many executions there are: nodes of the run itself are always read, those in bodies of
containers when they fit, when their container is unfolded, or when one of them is selected.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet

from runs import paths
from runs.models import NodeExecution, NodeStatus, Run, RunEvent
from runs.views import names
from runs.views.address import Address
from runs.views.containers import CONTAINER_KINDS, Container, containers_of
from workflows.definition import NodeGraph

FOLDS_ABOVE = 60
BODIES_A_PAGE = 20
VERDICTS = {"refine.accepted": "accepted", "refine.rejected": "rejected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyShown:
    """One body of a container on this page. `child` is the run that it is, where it is one of its own."""

    path: str
    place: int
    words: str
    nodes: Sequence[str]
    links: Sequence[tuple[str, str]]  # address and title of each of its nodes
    state: str
    verdict: str = ""  # of a round: accepted, rejected
    child: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BodiesShown:
    """The bodies of one container that are on this page, and where the pages beside it begin."""

    container: Container
    bodies: Sequence[BodyShown]
    previous_href: str
    next_href: str

    @property
    def words(self) -> str:
        """Which of them these are: “20 to 39 of 3,000”."""
        if not self.bodies:
            return f"none of {self.container.bodies:,}"
        first, last = self.bodies[0].place, self.bodies[-1].place
        return f"{first:,} to {last:,} of {self.container.bodies:,}"

    @property
    def is_paged(self) -> bool:
        return bool(self.previous_href or self.next_href)


class Instances:
    """The executions of a run by path, and its containers with the bodies that are shown."""

    def __init__(self, run: Run, nodes: NodeGraph | None, address: Address, selected: str) -> None:
        self.run = run
        self.nodes = nodes
        self.address = address
        top = list(_rows(run).exclude(node_id__contains="["))
        self.has_insides = any(row.kind in (*CONTAINER_KINDS, "sub_workflow") for row in top)
        outermost = containers_of(run) if self.has_insides else []
        self.total = len(top) + sum(each.executions for each in outermost)
        self.is_folded = self.total > FOLDS_ABOVE
        self.attempts: dict[str, list[NodeExecution]] = _by_path(top)
        self.containers: dict[str, Container] = {each.path: each for each in outermost}
        self.selected = selected or self._telling_node()
        self._places: dict[str, set[int]] = defaultdict(set)
        self._bodies: dict[str, BodiesShown] = {}
        if outermost:
            self._read_bodies()

    def shows(self, container: str) -> bool:
        """Whether its bodies are rows of the timeline."""
        around = (paths.container_of(body) for body in paths.bodies_around(self.selected))
        return not self.is_folded or container in self.address.opened or container in around

    def bodies(self, container: str) -> BodiesShown | None:
        """The bodies of a container that are on this page. None where nothing of it has begun."""
        found = self.containers.get(container)
        if found is not None and container not in self._bodies:
            self._bodies[container] = self._bodies_on_page(container, found)
        return self._bodies.get(container)

    def _bodies_on_page(self, container: str, found: Container) -> BodiesShown:
        first, unfolded = self._first(container), self.address.unfolded
        after = first + self._a_page
        places = sorted(self._places.get(container, ()))
        shown = [place for place in places if place >= first][: self._a_page]
        return BodiesShown(
            container=found,
            bodies=[self._body(container, place) for place in shown],
            previous_href=unfolded(container, max(0, first - self._a_page)) if first else "",
            next_href=unfolded(container, after) if after < found.bodies else "",
        )

    def latest(self, path: str) -> NodeExecution | None:
        rows = self.attempts.get(path)
        return rows[-1] if rows else None

    def state(self, path: str) -> str:
        """How the node looks: the state of its last attempt, and whether there were several."""
        row = self.latest(path)
        if row is None:
            return "queued"
        if row.status == NodeStatus.COMPLETED and row.attempt > 1:
            return "retried"
        inside = self.containers.get(path)
        rests = inside is not None and inside.waiting > 0 and not inside.running
        return "waiting" if rests and row.status == NodeStatus.RUNNING else str(row.status)

    def child_of(self, path: str) -> Run | None:
        """The child run that the last attempt of a node started."""
        return self._children.get(path)

    # -- reading ------------------------------------------------------------------------------------

    def _telling_node(self) -> str:
        """The node that a reader wants first: what failed, what waits or runs, or the last that ended."""
        order = self.nodes.graph.order if self.nodes else tuple(self.attempts)
        for wanted in (NodeStatus.FAILED, NodeStatus.WAITING, NodeStatus.RUNNING):
            for node in order:
                row = self.latest(node)
                if row is not None and row.status == wanted:
                    return node
        done = [node for node in order if self.state(node) in ("completed", "retried")]
        return done[-1] if done else next(iter(order), "")

    @property
    def _a_page(self) -> int:
        return BODIES_A_PAGE if self.is_folded else FOLDS_ABOVE

    def _first(self, container: str) -> int:
        """The first body to show of a container: what its address says, or where the selected node is."""
        if container in self.address.opened:
            return self.address.opened[container]
        for body in paths.bodies_around(self.selected):
            if paths.container_of(body) == container:
                return paths.place_of(body) // self._a_page * self._a_page
        return 0

    def _read_bodies(self) -> None:
        inside = _rows(self.run).filter(node_id__contains="[")
        if self.is_folded:
            wanted = self._patterns(self._containers_wanted())
            inside = (
                inside.filter(node_id__regex=f"^({'|'.join(wanted)})$") if wanted else inside.none()
            )
        self.attempts |= _by_path(inside)
        for path in self.attempts:
            for body in paths.bodies_around(path):
                self._places[paths.container_of(body)].add(paths.place_of(body))
        nested = {
            paths.container_of(paths.body_of(path)) for path in self.attempts if path.count("[") > 1
        }
        nested |= {
            path for path, rows in self.attempts.items() if "[" in path and self._is_container(rows)
        }
        if nested:
            for each in containers_of(self.run, within=_any_of(nested)):
                self.containers[each.path] = each

    def _is_container(self, rows: Sequence[NodeExecution]) -> bool:
        return rows[-1].kind in CONTAINER_KINDS

    def _containers_wanted(self) -> list[str]:
        """Those that are unfolded, that are selected, or around what is selected."""
        named = [*self.address.opened, self.selected]
        around = (paths.container_of(body) for path in named for body in paths.bodies_around(path))
        return list(dict.fromkeys([*named, *around]))

    def _patterns(self, containers: Iterable[str]) -> list[str]:
        """Regular expressions for the nodes of the bodies that are on this page."""
        patterns = []
        for container in containers:
            first = self._first(container)
            places = "|".join(str(place) for place in range(first, first + self._a_page))
            patterns.append(rf"{re.escape(container)}\[({places})\]\.[^\[]+")
        return patterns

    @cached_property
    def _children(self) -> Mapping[str, Run]:
        """Child runs that the nodes shown have started: in one statement, and only where there may be some."""
        starters = [
            path for path, rows in self.attempts.items() if rows[-1].kind in ("sub_workflow", "run")
        ]
        if not starters:
            return {}
        children = Run.objects.filter(parent_run=self.run, parent_node__in=starters).only(
            "tenant", "parent_node", "parent_attempt", "status", "created_at", "finished_at"
        )
        return {child.parent_node: child for child in children.order_by("parent_attempt")}

    @cached_property
    def _verdicts(self) -> Mapping[str, Mapping[int, str]]:
        """How the rounds of each refinement were judged, by number from 1."""
        refining = [path for path, rows in self.attempts.items() if rows[-1].kind == "refine"]
        told: dict[str, dict[int, str]] = defaultdict(dict)
        if refining:
            events = RunEvent.objects.filter(
                run=self.run, name__in=list(VERDICTS), node_id__in=refining
            )
            for event in events.only("tenant", "name", "node_id", "body"):
                told[event.node_id][event.body["round"]] = VERDICTS[event.name]
        return told

    def _body(self, container: str, place: int) -> BodyShown:
        path = paths.body_path(container, place)
        inside = [each for each in self.attempts if paths.body_of(each) == path]
        child = next((self._children[each] for each in inside if self._is_child(each)), None)
        graph = names.graph_in(self.nodes, path)
        order = graph.graph.order if graph else ()
        nodes = sorted(inside, key=lambda each: _rank(order, paths.node_of(each)))
        return BodyShown(
            path=path,
            place=place,
            words=names.body_words(self.nodes, path),
            nodes=nodes,
            links=[
                (self.address.to_node(each), names.title_of(self.nodes, each)) for each in nodes
            ],
            state=str(child.status) if child else self._body_state(nodes, graph),
            verdict=self._verdicts.get(container, {}).get(place + 1, ""),
            child=child,
        )

    def _is_child(self, path: str) -> bool:
        rows = self.attempts[path]
        return rows[-1].kind == "run" and path in self._children

    def _body_state(self, nodes: Sequence[str], graph: NodeGraph | None) -> str:
        """A body has no row of its own: it is what its nodes are."""
        latest = {paths.node_of(path): self.attempts[path][-1] for path in nodes}
        for wanted in (NodeStatus.RUNNING, NodeStatus.WAITING, NodeStatus.CANCELLED):
            if any(row.status == wanted for row in latest.values()):
                return str(wanted)
        if any(
            row.status == NodeStatus.FAILED and not _goes_on(graph, node)
            for node, row in latest.items()
        ):
            return str(NodeStatus.FAILED)
        is_whole = graph is None or len(latest) >= len(graph.nodes)
        return str(NodeStatus.COMPLETED if is_whole or self.run.is_terminal else NodeStatus.RUNNING)


def _goes_on(graph: NodeGraph | None, node: str) -> bool:
    return graph is not None and node in graph.by_id and graph.node(node).on_failure != "fail"


def _rank(order: Sequence[str], node: str) -> int:
    return order.index(node) if node in order else len(order)


def _any_of(names: Collection[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names))


def _rows(run: Run) -> QuerySet[NodeExecution]:
    """Without their content, which may be large."""
    rows: QuerySet[NodeExecution] = run.node_executions.defer("output_sealed")
    return rows.order_by("attempt", "id")


def _by_path(rows: Iterable[NodeExecution]) -> dict[str, list[NodeExecution]]:
    groups: dict[str, list[NodeExecution]] = defaultdict(list)
    for row in rows:
        groups[row.node_id].append(row)
    return dict(groups)
