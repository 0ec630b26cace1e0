"""The planner: what starts, what is skipped, and that every graph comes to its end."""

from hypothesis import given
from hypothesis import strategies as st

from runs.planner import NodeState, plan
from workflows.graph import Edge, Graph


def _states(graph: Graph, **statuses: NodeState) -> dict[str, NodeState]:
    return {node: statuses.get(node, NodeState()) for node in graph.nodes}


def _kinds(graph: Graph, **kinds: str) -> dict[str, str]:
    return {node: kinds.get(node, "transform") for node in graph.nodes}


BRANCHING = Graph(
    ["a", "route", "yes", "no", "after_no", "joined"],
    [
        Edge("a", "route"),
        Edge("route", "yes", "yes"),
        Edge("route", "no", "no"),
        Edge("no", "after_no"),
        Edge("yes", "joined"),
        Edge("after_no", "joined"),
    ],
)


def test_a_new_run_starts_its_roots() -> None:
    following = plan(BRANCHING, _kinds(BRANCHING), _states(BRANCHING))

    assert following.ready == ("a",)
    assert following.skipped == {}


def test_the_branch_not_taken_is_skipped_to_its_end_with_the_reason() -> None:
    states = _states(
        BRANCHING, a=NodeState("completed"), route=NodeState("completed", branch="yes")
    )

    following = plan(BRANCHING, _kinds(BRANCHING, joined="merge"), states, ["route"])

    assert following.ready == ("yes",)
    assert following.skipped == {
        "no": {"node": "route", "needed": "no", "taken": "yes"},
        "after_no": {"node": "no", "skipped": True},
    }


def test_a_merge_waits_for_its_live_branches_only() -> None:
    states = _states(
        BRANCHING,
        a=NodeState("completed"),
        route=NodeState("completed", branch="yes"),
        yes=NodeState("completed"),
        no=NodeState("skipped"),
        after_no=NodeState("skipped"),
    )

    following = plan(BRANCHING, _kinds(BRANCHING, joined="merge"), states, ["yes"])

    assert following.ready == ("joined",)


def test_a_node_that_needs_all_its_edges_is_skipped_when_one_is_dead() -> None:
    states = _states(
        BRANCHING,
        a=NodeState("completed"),
        route=NodeState("completed", branch="yes"),
        no=NodeState("skipped"),
        after_no=NodeState("skipped"),
    )

    following = plan(BRANCHING, _kinds(BRANCHING), states, ["after_no"])

    assert "joined" in following.skipped


def test_a_running_source_leaves_its_targets_undecided() -> None:
    states = _states(BRANCHING, a=NodeState("running"))

    following = plan(BRANCHING, _kinds(BRANCHING), states)

    assert following.ready == ()
    assert following.skipped == {}


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[Graph, dict[str, str]]:
    count = draw(st.integers(1, 15))
    nodes = [f"n{number}" for number in range(count)]
    kinds = {
        node: draw(st.sampled_from(["transform", "merge", "condition", "output"])) for node in nodes
    }
    edges = [
        Edge(
            source,
            target,
            draw(st.sampled_from(["x", "y"])) if kinds[source] == "condition" else None,
        )
        for position, target in enumerate(nodes)
        for source in nodes[:position]
        if draw(st.booleans())
    ]
    return Graph(nodes, edges), kinds


@given(_graphs(), st.data())
def test_every_graph_settles_whatever_order_its_nodes_finish_in(
    graph_and_kinds: tuple[Graph, dict[str, str]], data: st.DataObject
) -> None:
    graph, kinds = graph_and_kinds
    states = _states(graph)
    running: list[str] = []
    changed: list[str] | None = None
    while True:
        following = plan(graph, kinds, states, changed)
        for node in following.skipped:
            states[node].status = "skipped"
        for node in following.ready:
            assert states[node].status == "pending"  # nothing starts twice
            states[node].status = "running"
            running.append(node)
        if not running:
            break
        done = running.pop(data.draw(st.integers(0, len(running) - 1)))
        branch = data.draw(st.sampled_from(["x", "y"])) if kinds[done] == "condition" else None
        states[done] = NodeState("completed", branch)
        changed = [done]

    assert all(state.is_settled for state in states.values())
    full = plan(graph, kinds, states)
    assert full.ready == ()
    assert full.skipped == {}
