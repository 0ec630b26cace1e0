"""The tree against another implementation, and against its own proofs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from tenancy import merkle


def grown(size):
    """A frontier of this many leaves and all its stored nodes, leaves included."""
    frontier, nodes = merkle.Frontier(), {}
    for index in range(size):
        leaf = merkle.leaf_hash(b"entry %d" % index)
        nodes[0, index] = leaf
        nodes |= {(node.level, node.index): node.hash for node in frontier.append(leaf)}
    return frontier, nodes


def reader(nodes):
    return lambda level, index: nodes[level, index]


def test_roots_are_those_of_pymerkle():
    oracle, frontier = InmemoryTree(algorithm="sha256"), merkle.Frontier()

    for index in range(130):
        oracle.append_entry(b"entry %d" % index)
        frontier.append(merkle.leaf_hash(b"entry %d" % index))

        assert frontier.root() == oracle.get_root()


def test_the_root_of_nothing_is_the_hash_of_nothing():
    assert merkle.root_of([]) == merkle.Frontier().root() == merkle.EMPTY_ROOT


@given(st.integers(0, 300))
def test_a_frontier_is_read_back_from_stored_nodes(size):
    frontier, nodes = grown(size)

    read = merkle.Frontier.read(size, reader(nodes))

    assert (read.size, read.peaks) == (frontier.size, frontier.peaks)
    assert read.root() == merkle.root_of(nodes[0, index] for index in range(size))


@given(st.integers(1, 200), st.data())
def test_every_leaf_is_included_and_nothing_else_is(size, data):
    index = data.draw(st.integers(0, size - 1))
    frontier, nodes = grown(size)

    proof = merkle.inclusion_proof(index, size, reader(nodes))

    leaf, root = nodes[0, index], frontier.root()
    assert merkle.is_included(leaf, index, size, proof, root)
    assert not merkle.is_included(merkle.leaf_hash(b"another"), index, size, proof, root)
    assert not merkle.is_included(leaf, index, size, [*proof, leaf], root)
    assert size == 1 or not merkle.is_included(leaf, index, size, proof[:-1], root)
    assert not merkle.is_included(leaf, size, size, proof, root)


@given(st.integers(1, 200), st.data())
def test_every_beginning_is_consistent_and_nothing_else_is(size, data):
    old = data.draw(st.integers(1, size))
    frontier, nodes = grown(size)
    old_root = merkle.root_of(nodes[0, index] for index in range(old))

    proof = merkle.consistency_proof(old, size, reader(nodes))

    assert merkle.is_consistent(old, size, proof, old_root, frontier.root())
    assert not merkle.is_consistent(old, size, proof, merkle.EMPTY_ROOT, frontier.root())
    assert not merkle.is_consistent(old, size, proof, old_root, merkle.EMPTY_ROOT)
    assert not merkle.is_consistent(size + 1, size, proof, old_root, frontier.root())
    assert old == size or not merkle.is_consistent(old, size, [], old_root, frontier.root())


@pytest.mark.parametrize(
    "ask",
    [
        lambda: merkle.inclusion_proof(3, 3, reader({})),
        lambda: merkle.consistency_proof(0, 3, reader({})),
        lambda: merkle.consistency_proof(4, 3, reader({})),
    ],
)
def test_there_is_no_proof_of_what_is_not_in_the_tree(ask):
    with pytest.raises(ValueError, match="not"):
        ask()


def test_a_proof_that_is_too_long_is_refused():
    _, nodes = grown(4)
    root = merkle.root_of(nodes[0, n] for n in range(4))
    proof = merkle.consistency_proof(2, 4, reader(nodes))

    assert not merkle.is_consistent(2, 4, [*proof, root, root], nodes[1, 0], root)


@given(st.integers(1, 60), st.data())
def test_proofs_are_those_of_pymerkle(size, data):
    index = data.draw(st.integers(0, size - 1))
    oracle = InmemoryTree(algorithm="sha256")
    for each in range(size):
        oracle.append_entry(b"entry %d" % each)
    _, nodes = grown(size)

    proof = merkle.inclusion_proof(index, size, reader(nodes))

    path = oracle.prove_inclusion(index + 1, size).path
    assert set(proof) <= set(path)
