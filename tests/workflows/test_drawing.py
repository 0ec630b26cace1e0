"""Pictures of graphs: readable, deterministic, and true to the states they show."""

import json
import re
from pathlib import Path

import pytest

from workflows.drawing import ICONS, STATES, EdgePicture, NodeLook, NodePicture, draw_graph
from workflows.expressions import Comparison
from workflows.graph import Edge, Graph
from workflows.nodes import KINDS

GOLDEN = Path(__file__).parent / "golden" / "complaint_graph.json"
COMPLAINT = Graph(
    ["letter", "mask", "classify", "extract", "route", "urgent", "normal", "joined", "result"],
    [
        Edge("letter", "mask"),
        Edge("mask", "classify"),
        Edge("mask", "extract"),
        Edge("classify", "route"),
        Edge("extract", "route"),
        Edge("route", "urgent", "urgent"),
        Edge("route", "normal", "normal"),
        Edge("urgent", "joined"),
        Edge("normal", "joined"),
        Edge("joined", "result"),
    ],
)


def looks_of(graph: Graph, **states: str) -> dict[str, NodeLook]:
    return {
        node: NodeLook(
            title=node.capitalize(),
            kind="llm",
            note="llm · 2.1 s",
            state=states.get(node, "plain"),
            href=f"?node={node}",
        )
        for node in graph.nodes
    }


def edge_from(picture: object, graph: Graph, source: str, target: str) -> EdgePicture:
    number = [(edge.source, edge.target) for edge in graph.edges].index((source, target))
    return picture.edges[number]  # type: ignore[attr-defined,no-any-return]


def overlap(a: NodePicture, b: NodePicture) -> bool:
    return not (
        a.x + a.width <= b.x
        or b.x + b.width <= a.x
        or a.y + a.height <= b.y
        or b.y + b.height <= a.y
    )


@pytest.mark.parametrize("direction", ["right", "down"])
def test_picture_is_the_golden_one(direction: str) -> None:
    picture = draw_graph(COMPLAINT, looks_of(COMPLAINT), direction=direction)  # type: ignore[arg-type]

    drawn = {
        "size": [picture.width, picture.height],
        "nodes": {node.id: [node.x, node.y, node.width] for node in picture.nodes},
        "edges": [[edge.path, edge.label, edge.label_x, edge.label_y] for edge in picture.edges],
    }

    assert drawn == json.loads(GOLDEN.read_text())[direction]


def test_same_graph_gives_the_same_picture() -> None:
    first = draw_graph(COMPLAINT, looks_of(COMPLAINT))
    second = draw_graph(Graph(COMPLAINT.nodes, COMPLAINT.edges), looks_of(COMPLAINT))

    assert first == second


def test_states_change_no_position() -> None:
    before = draw_graph(COMPLAINT, looks_of(COMPLAINT))
    after = draw_graph(COMPLAINT, looks_of(COMPLAINT, letter="completed", mask="running"))

    assert [(n.x, n.y) for n in before.nodes] == [(n.x, n.y) for n in after.nodes]
    assert [e.path for e in before.edges] == [e.path for e in after.edges]


def test_a_graph_of_forty_nodes_has_no_overlap() -> None:
    graph = Graph(
        [f"n{i}" for i in range(40)],
        [Edge(f"n{max(0, i - 1 - i % 4)}", f"n{i}") for i in range(1, 40)],
    )

    picture = draw_graph(graph, looks_of(graph))

    nodes = picture.nodes
    assert not [(a.id, b.id) for i, a in enumerate(nodes) for b in nodes[i + 1 :] if overlap(a, b)]
    assert all(n.x >= 0 and n.x + n.width <= picture.width for n in nodes)
    assert all(n.y >= 0 and n.y + n.height <= picture.height for n in nodes)


def test_branches_are_named_at_their_edges() -> None:
    picture = draw_graph(COMPLAINT, looks_of(COMPLAINT))

    assert [edge.label for edge in picture.edges if edge.label] == ["urgent", "normal"]


@pytest.mark.parametrize(
    ("source", "target", "tone"),
    [
        ("completed", "completed", "done"),  # walked
        ("completed", "running", "hot"),  # the run stands here
        ("completed", "waiting", "hot"),
        ("completed", "queued", "todo"),  # may come
        ("completed", "skipped", "skip"),  # branch not taken
        ("skipped", "completed", "skip"),  # merge went on without it
        ("failed", "queued", "skip"),  # the run ends at the failure
        ("failed", "completed", "done"),  # the run went on after it
        ("plain", "plain", "plain"),  # a version, not a run
    ],
)
def test_edge_tells_what_became_of_it(source: str, target: str, tone: str) -> None:
    graph = Graph(["a", "b"], [Edge("a", "b")])

    picture = draw_graph(graph, looks_of(graph, a=source, b=target))

    assert edge_from(picture, graph, "a", "b").tone == tone


def test_every_state_is_told_in_words_as_well() -> None:
    assert all(state.words for name, state in STATES.items() if name != "plain")


def test_label_begins_with_the_visible_text() -> None:
    graph = Graph(["a"], [])
    look = NodeLook(
        title="A title that is far too long for its box", kind="llm", note="llm", state="failed"
    )

    node = draw_graph(graph, {"a": look}).nodes[0]

    assert node.label.startswith(f"{node.title} {node.note}")
    assert node.title.endswith("…")
    assert node.full_title == look.title
    assert node.label.endswith("failed")


def test_paths_are_plain_numbers() -> None:
    picture = draw_graph(COMPLAINT, looks_of(COMPLAINT))

    assert all(re.fullmatch(r"[MLQ0-9. -]+", edge.path) for edge in picture.edges)


def test_a_container_is_a_pile_with_the_count_of_its_nodes() -> None:
    graph = Graph(["a", "b"], [Edge("a", "b")])
    looks = {
        "a": NodeLook(title="Each claim", kind="for_each", note="for_each", inside=3),
        "b": NodeLook(title="One", kind="refine", note="refine", inside=1),
    }

    each, one = draw_graph(graph, looks).nodes

    assert (each.is_container, each.note, each.icon) == (True, "for_each · 3 nodes", "layers")
    assert one.label == "One refine · 1 node"
    assert not draw_graph(graph, looks_of(graph)).nodes[0].is_container


def test_an_edge_with_a_condition_says_so() -> None:
    when = Comparison(left="{{ a }}", op=">", right=3)
    graph = Graph(["a", "b"], [Edge("a", "b", "urgent", when)])

    assert draw_graph(graph, looks_of(graph)).edges[0].label == "urgent if …"


def test_every_kind_has_an_icon_that_the_sprite_has() -> None:
    sprite = (Path(__file__).parents[2] / "templates/ui/_sprite.html").read_text()

    assert all(f'id="i-{ICONS.get(kind, "tool")}"' in sprite for kind in KINDS)
