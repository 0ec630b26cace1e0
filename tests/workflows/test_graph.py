"""Order, ancestry, cycles – on small graphs and on generated ones."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.errors import GraphHasCycle, GraphIsBroken
from workflows.graph import Edge, Graph


@st.composite
def acyclic_graphs(draw):
    count = draw(st.integers(1, 12))
    names = [f"n{place}" for place in draw(st.permutations(range(count)))]
    pairs = draw(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
    edges = [
        Edge(names[min(a, b) % count], names[max(a, b) % count])
        for a, b in pairs
        if min(a, b) % count < max(a, b) % count
    ]
    return Graph(sorted(names), edges)


@settings(deadline=None)
@given(acyclic_graphs())
def test_every_node_comes_after_its_sources(graph):
    place = {node: count for count, node in enumerate(graph.order)}

    assert sorted(graph.order) == sorted(graph.nodes)
    assert all(place[edge.source] < place[edge.target] for edge in graph.edges)
    assert graph.find_cycle() is None


@settings(deadline=None)
@given(acyclic_graphs())
def test_order_depends_only_on_the_declaration(graph):
    again = Graph(graph.nodes, reversed(graph.edges))

    assert again.order == graph.order


@settings(deadline=None)
@given(acyclic_graphs())
def test_ancestry_is_upstream_of_each_and_mirrors_descendants(graph):
    for node in graph.nodes:
        assert graph.ancestry[node] == graph.upstream(node)
        assert all(node in graph.descendants(other) for other in graph.upstream(node))
        assert node not in graph.upstream(node)


@settings(deadline=None)
@given(acyclic_graphs())
def test_a_node_is_one_deeper_than_its_deepest_source(graph):
    for node in graph.nodes:
        depths = [graph.depth(source) + 1 for source in graph.sources(node)]
        assert graph.depth(node) == max(depths, default=0)


@settings(deadline=None)
@given(acyclic_graphs(), st.data())
def test_an_edge_back_makes_a_cycle_that_is_named(graph, data):
    node = data.draw(st.sampled_from(graph.nodes))
    targets = sorted(graph.descendants(node))
    if not targets:
        return
    back = Edge(data.draw(st.sampled_from(targets)), node)
    turned = Graph(graph.nodes, [*graph.edges, back])

    cycle = turned.find_cycle()

    assert cycle is not None
    assert cycle[0] == cycle[-1]
    pairs = {(edge.source, edge.target) for edge in turned.edges}
    assert all(pair in pairs for pair in pairwise(cycle))


def test_a_cycle_raises_with_its_way():
    graph = Graph("abc", [Edge("a", "b"), Edge("b", "c"), Edge("c", "b")])

    with pytest.raises(GraphHasCycle, match="b → c → b") as raised:
        graph.order  # noqa: B018

    assert raised.value.cycle == ("b", "c", "b")


@pytest.mark.parametrize(
    ("nodes", "edges"),
    [
        (["a", "a"], []),  # named twice
        (["a"], [Edge("a", "b")]),  # target unknown
        (["a"], [Edge("b", "a")]),  # source unknown
    ],
)
def test_a_broken_graph_is_refused(nodes, edges):
    with pytest.raises(GraphIsBroken):
        Graph(nodes, edges)


def test_a_chain_of_thousands_does_not_recurse():
    names = [f"n{place}" for place in range(5000)]
    graph = Graph(names, [Edge(a, b) for a, b in pairwise(names)])

    assert graph.order == tuple(names)
    assert graph.depth("n4999") == 4999
    assert len(graph.descendants("n0")) == 4999


def test_roots_leaves_and_edges():
    graph = Graph("abcd", [Edge("a", "b", "yes"), Edge("a", "c"), Edge("a", "b", "no")])

    assert graph.roots == ("a", "d")
    assert graph.leaves == ("b", "c", "d")
    assert graph.targets("a") == ("b", "c")
    assert graph.sources("b") == ("a",)
    assert [str(edge) for edge in graph.edges_into("b")] == ["a:yes", "a:no"]
    assert len(graph.edges_out_of("a")) == 3
    assert "a" in graph
    assert "z" not in graph
    assert len(graph) == 4
