"""A graph as a picture: graphlay says where nodes and edges go, this makes them ready to print.

Pure and deterministic: the same graph gives the same picture. Positions are cached by topology, so
a state that changes costs no new layout. `templates/ui/_graph.html` prints it as SVG; places are
attributes, never styles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import graphlay

from workflows.graph import Edge, Graph

Direction = Literal["right", "down"]
Point = tuple[float, float]

NODE_HEIGHT = 50
NODE_WIDTHS = (128, 180)
SIGN_WIDTH = 6.7  # of the title, on average
MARGIN = 8
CORNER = 7
LABEL_SIGN = 5.8  # width of a sign in an edge's label
LABEL_LINE = 14
FITS_UP_TO = 800
SHRINKS_TO = 0.7  # of its own size; below that its words could not be read
ARROW = 2  # the line ends this much before the node; the arrow head fills it


@dataclass(frozen=True, slots=True)
class State:
    """How a node looks in one state: colour class, icon, and the words that say the same."""

    tone: str
    icon: str
    words: str


STATES: Mapping[str, State] = {
    "plain": State("plain", "", ""),
    "problem": State("bad", "warn", "has a problem"),
    "look": State("plain", "warn", "has something to look at"),
    "way": State("warn", "down", "passes on what may not be seen"),
    "queued": State("todo", "todo", "not started"),
    "running": State("run", "pulse", "running"),
    "waiting": State("wait", "pause", "waiting"),
    "completed": State("ok", "check", "completed"),
    "retried": State("warn", "retry", "completed after another attempt"),
    "failed": State("bad", "x", "failed"),
    "skipped": State("skip", "skip", "skipped"),
    "cancelled": State("skip", "x", "cancelled"),
    "added": State("new", "plus", "new"),
    "removed": State("gone", "x", "gone"),
    "changed": State("diff", "code", "changed"),
}
ICONS: Mapping[str, str] = {
    "input": "in",
    "output": "out",
    "llm": "spark",
    "transform": "code",
    "redact": "lock",
    "condition": "split",
    "merge": "join",
    "for_each": "layers",
    "refine": "redo",
    "sub_workflow": "flow",
    "delay": "clock",
    "callback": "bell",
    "approval": "hand",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLook:
    """What a node shows: a title, a line below it, a state, and where a click leads.

    A container is one node, drawn as a pile; `inside` counts the nodes of its body.
    """

    title: str
    kind: str
    note: str = ""
    state: str = "plain"
    href: str = ""
    selected: bool = False
    inside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePicture:
    id: str
    x: float
    y: float
    width: int
    height: int
    title: str
    full_title: str
    note: str
    icon: str
    state: State
    href: str
    selected: bool
    is_container: bool

    @property
    def label(self) -> str:
        """Begins with the visible text, word for word, as accessible names must."""
        parts = (f"{self.title} {self.note}".strip(), self.state.words)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePicture:
    path: str
    tone: str
    label: str
    label_x: float
    label_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPicture:
    width: float
    height: float
    nodes: tuple[NodePicture, ...]
    edges: tuple[EdgePicture, ...]

    @property
    def least_width(self) -> float:
        """How far it shrinks to fit in; where there is less room, it is scrolled."""
        return round(self.width * SHRINKS_TO)

    @property
    def fits(self) -> bool:
        """Whether it can be seen at once beside other things."""
        return self.width <= FITS_UP_TO


def draw_graph(
    graph: Graph, looks: Mapping[str, NodeLook], *, direction: Direction = "right"
) -> GraphPicture:
    """The picture of a graph without cycles. `looks` has an entry for every node."""
    width = _width_for(looks)
    topology = tuple((edge.source, edge.target, _word(edge)) for edge in graph.edges)
    places = _places(tuple(graph.order), topology, direction, width)
    nodes = tuple(_node(node, looks[node], places.nodes[node], width) for node in graph.order)
    edges = tuple(
        _edge(points, branch, _tone(looks[source].state, looks[target].state), direction)
        for (source, target, branch), points in zip(topology, places.edges, strict=True)
    )
    return GraphPicture(width=places.width, height=places.height, nodes=nodes, edges=edges)


def _word(edge: Edge) -> str:
    """What stands at an edge: its branch, and that there is a condition."""
    return " ".join(part for part in (edge.branch or "", "if …" if edge.when else "") if part)


def _width_for(looks: Mapping[str, NodeLook]) -> int:
    longest = max(
        (max(len(look.title), len(_note(look)) - 1) for look in looks.values()), default=0
    )
    return min(NODE_WIDTHS[1], max(NODE_WIDTHS[0], int(46 + SIGN_WIDTH * longest)))


def _note(look: NodeLook) -> str:
    if not look.inside:
        return look.note
    return f"{look.note} · {look.inside} node{'' if look.inside == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class _Places:
    nodes: Mapping[str, Point]
    edges: tuple[tuple[Point, ...], ...]
    width: float
    height: float


@lru_cache(maxsize=256)
def _places(
    order: tuple[str, ...],
    topology: tuple[tuple[str, str, str], ...],
    direction: Direction,
    width: int,
) -> _Places:
    sketch = graphlay.Graph()
    for node in order:
        sketch.node(node, width=width, height=NODE_HEIGHT)
    for source, target, _ in topology:
        sketch.edge(source, target)
    laid = graphlay.layout(sketch, options=_options(direction)).to_dict()
    centers = {
        node: (place["center"]["x"], place["center"]["y"])
        for node, place in zip(order, laid["nodes"], strict=True)
    }
    lines = [[(point["x"], point["y"]) for point in edge["points"]] for edge in laid["edges"]]
    widen = _room_for_labels(topology, centers, direction, width)
    return _placed(
        {node: widen(center) for node, center in centers.items()},
        [[widen(point) for point in line] for line in lines],
        width,
    )


def _options(direction: Direction) -> dict[str, Any]:
    return {
        "direction": "leftright" if direction == "right" else "topbottom",
        "spacing": {
            "layer_gap": 28 if direction == "right" else 32,
            "node_gap": 18 if direction == "right" else 22,
            "dummy_gap": 16,
            "port_gap": 10,
            "stub": 12,
            "isolated_gap": 18,
        },
        "routing": {"merge_edges": "both"},
        "coords": {"branch_style": "symmetric"},
    }


def _room_for_labels(
    topology: tuple[tuple[str, str, str], ...],
    centers: Mapping[str, Point],
    direction: Direction,
    width: int,
) -> Callable[[Point], Point]:
    """Only the gap before a layer that branches lead to grows: all from there on moves along."""
    axis, half = (0, width / 2) if direction == "right" else (1, NODE_HEIGHT / 2)
    room: dict[float, float] = {}
    for _, target, branch in topology:
        if branch:
            edge_of_layer = _round(centers[target][axis] - half)
            wanted = LABEL_SIGN * len(branch) + 4 if direction == "right" else LABEL_LINE
            room[edge_of_layer] = max(room.get(edge_of_layer, 0), wanted)

    def widen(point: Point) -> Point:
        more = sum(extra for start, extra in room.items() if start <= point[axis] + 0.1)
        return (point[0] + more, point[1]) if axis == 0 else (point[0], point[1] + more)

    return widen


def _placed(centers: Mapping[str, Point], lines: Sequence[Sequence[Point]], width: int) -> _Places:
    """Everything moved so that the top left corner is at the margin."""
    corners = [point for line in lines for point in line]
    for x, y in centers.values():
        corners += [(x - width / 2, y - NODE_HEIGHT / 2), (x + width / 2, y + NODE_HEIGHT / 2)]
    left = min(x for x, _ in corners) - MARGIN
    top = min(y for _, y in corners) - MARGIN
    return _Places(
        nodes={
            node: (_round(x - width / 2 - left), _round(y - NODE_HEIGHT / 2 - top))
            for node, (x, y) in centers.items()
        },
        edges=tuple(tuple((_round(x - left), _round(y - top)) for x, y in line) for line in lines),
        width=_round(max(x for x, _ in corners) - left + MARGIN),
        height=_round(max(y for _, y in corners) - top + MARGIN),
    )


def _node(node: str, look: NodeLook, place: Point, width: int) -> NodePicture:
    room = int((width - 44) / SIGN_WIDTH)
    return NodePicture(
        id=node,
        x=place[0],
        y=place[1],
        width=width,
        height=NODE_HEIGHT,
        title=_cut(look.title, room),
        full_title=look.title,
        note=_cut(_note(look), room + 1),
        icon=ICONS.get(look.kind, "tool"),
        state=STATES[look.state],
        href=look.href,
        selected=look.selected,
        is_container=bool(look.inside),
    )


def _edge(points: Sequence[Point], branch: str, tone: str, direction: Direction) -> EdgePicture:
    end_x, end_y = points[-1]
    if direction == "right":
        # Above the last stretch, where this edge is alone.
        start_x = points[-2][0] if len(points) > 2 else points[0][0]
        label = (start_x + 9, end_y - 6)
    else:
        start_y = points[-2][1]
        label = (end_x + 7, (start_y + end_y) / 2 + 2)
    return EdgePicture(
        path=_path(points),
        tone=tone,
        label=branch,
        label_x=_round(label[0]),
        label_y=_round(label[1]),
    )


def _tone(source: str, target: str) -> str:
    """done: walked; hot: the run stands here; skip: not taken; todo: may come; plain: no run."""
    if source == "way":
        return "hot"  # what may not be seen comes along here
    if {source, target} & {"plain", "problem", "look", "way"}:
        return "plain"
    if target in ("skipped", "cancelled") or source in ("skipped", "cancelled"):
        return "skip"
    if source == "failed" and target == "queued":
        return "skip"  # what comes after a failure did not begin
    if target in ("running", "waiting"):
        return "hot"
    return "todo" if target == "queued" else "done"


def _path(points: Sequence[Point]) -> str:
    """A polyline with round corners that stops just before the node it leads to."""
    points = [*points[:-1], _before(points[-2], points[-1], ARROW)]
    parts = [f"M{_show(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(CORNER, _distance(before, corner) / 2, _distance(corner, after) / 2)
        parts.append(f"L{_show(_before(before, corner, radius))}")
        parts.append(f"Q{_show(corner)} {_show(_before(after, corner, radius))}")
    parts.append(f"L{_show(points[-1])}")
    return "".join(parts)


def _before(start: Point, end: Point, distance: float) -> Point:
    """The point on the way from start to end that lies `distance` before the end."""
    length = _distance(start, end)
    if not length:
        return end
    share = distance / length
    return (end[0] - (end[0] - start[0]) * share, end[1] - (end[1] - start[1]) * share)


def _distance(a: Point, b: Point) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def _show(point: Point) -> str:
    return f"{_round(point[0]):g} {_round(point[1]):g}"


def _round(number: float) -> float:
    return round(number + 0.0, 1)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"
