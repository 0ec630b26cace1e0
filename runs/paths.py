"""Paths of instances: each_claim[3].draft is the node draft in the body number 3 of each_claim. Pure."""

import re

_NUMBERS = re.compile(r"\[[0-9]+\]")
_NODE_OF_A_BODY = re.compile(r"\.[^\[\]]*$")


def trail(path: str) -> tuple[str, ...]:
    """The ids of the containers around a node, the outermost first, and its own."""
    return tuple(_NUMBERS.sub("", path).split("."))


def node_of(path: str) -> str:
    """The id of the node in its definition."""
    return trail(path)[-1]


def body_of(path: str) -> str:
    """The body that the node runs in: each_claim[3]. Empty for a node of the run itself."""
    return _NODE_OF_A_BODY.sub("", path) if "[" in path else ""


def bodies_around(path: str) -> list[str]:
    """The bodies that the node runs in, the innermost first."""
    found = []
    while body := body_of(path):
        found.append(body)
        path = container_of(body)
    return found


def container_of(body: str) -> str:
    """The path of the container that a body belongs to."""
    return body.rpartition("[")[0]


def place_of(body: str) -> int:
    """Which body of its container it is, counted from 0."""
    return int(body.rpartition("[")[2].removesuffix("]"))


def body_path(container: str, place: int) -> str:
    return f"{container}[{place}]"


def node_path(body: str, node: str) -> str:
    return f"{body}.{node}" if body else node
