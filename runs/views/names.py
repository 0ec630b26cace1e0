"""What to call the instances of a run: their titles, and where in the containers they are."""

from runs import paths
from workflows.definition import NodeGraph, NodeSpec


def graph_around(nodes: NodeGraph | None, path: str) -> NodeGraph | None:
    """The nodes among which this one stands. None where the definition is gone, or does not know it."""
    found = nodes
    for name in paths.trail(path)[:-1]:
        if found is None or name not in found.by_id:
            return None
        found = found.node(name).body
    return found


def graph_in(nodes: NodeGraph | None, body: str) -> NodeGraph | None:
    """The nodes of a body."""
    return graph_around(nodes, paths.node_path(body, "any"))


def find_spec(nodes: NodeGraph | None, path: str) -> NodeSpec | None:
    graph = graph_around(nodes, path)
    return graph.by_id.get(paths.node_of(path)) if graph else None


def title_of(nodes: NodeGraph | None, path: str) -> str:
    spec = find_spec(nodes, path)
    if spec is not None:
        return spec.title or spec.id
    return "Child run" if is_child(path) else paths.node_of(path)


def full_name(nodes: NodeGraph | None, path: str) -> str:
    """“Critic in round 2 of Improve”."""
    around = [
        f" in {body_words(nodes, body).lower()} of {title_of(nodes, paths.container_of(body))}"
        for body in paths.bodies_around(path)
    ]
    return title_of(nodes, path) + "".join(around)


def body_words(nodes: NodeGraph | None, body: str) -> str:
    """Rounds are counted from 1, as their events do; entries from 0, as in the list they come from."""
    spec = find_spec(nodes, paths.container_of(body))
    place = paths.place_of(body)
    is_round = spec is not None and spec.kind == "refine"
    return f"Round {place + 1}" if is_round else f"Entry {place:,}"


def is_child(path: str) -> bool:
    """Whether this stands for a body that is a run of its own."""
    return "[" in path and paths.node_of(path) == "run"
