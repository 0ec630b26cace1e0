"""Graphs made by Hypothesis: 3 to 15 nodes of every kind, whose outputs depend on all that flowed in.

Each run's input is {run, n}. `run` goes to the outside world only, so that it can count; `n` decides what the run
answers. So two runs of one graph with the same `n` must end alike, whatever happened to their workers.
"""

import json
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.flows.crash.kinds import Node, make_node, told
from tests.flows.crash.world import HERE

KINDS = (
    *("llm", "llm", "llm", "llm", "flaky", "transform", "transform", "transform"),
    *("condition", "condition", "merge", "merge", "tool", "tool", "delay", "approval"),
    *("callback", "code", "redact", "for_each", "for_each", "refine", "sub_workflow"),
)
MOST_INNER = 13
CANNOT_MERGE = ("input", "delay")  # what they say differs from run to run
CHILD_NAME = "crash-child"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeGraph:
    """A definition without its name, and the input that its runs get."""

    nodes: tuple[Node, ...]
    n: int

    def definition(self, name: str, *, world: str) -> str:
        return _definition(name, self.nodes).replace(HERE, world)


def make(count: int, *, seeded: int) -> list[MadeGraph]:
    """So many graphs; the same seed makes the same ones."""
    made: list[MadeGraph] = []

    @seed(seeded)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs())
    def collect(graph: MadeGraph) -> None:
        made.append(graph)

    collect()
    return made


def child_definition() -> str:
    """What sub_workflow nodes start: one question."""
    prompt = "{{ start.run }} asked ask {{ start.n }}"
    asked = {"id": "asked", "kind": "llm", "after": ["start"], "model_group": "default"}
    nodes = (_start(), asked | {"prompt": prompt, "max_tokens": 20})
    return _definition(CHILD_NAME, (*nodes, _result(nodes)))


@st.composite
def graphs(draw: st.DrawFn) -> MadeGraph:
    nodes: list[Node] = [_start()]
    for number in range(draw(st.integers(1, MOST_INNER))):
        nodes.append(draw(_inner(f"n{number}", tuple(nodes))))
    return MadeGraph(nodes=(*nodes, _result(nodes)), n=draw(st.integers(0, 9)))


@st.composite
def _inner(draw: st.DrawFn, name: str, before: tuple[Node, ...]) -> Node:
    kind = draw(st.sampled_from(KINDS))
    mergeable = tuple(node for node in before if node["kind"] not in CANNOT_MERGE)
    if kind == "merge":
        kind = "merge" if mergeable else "llm"
    near = mergeable if kind == "merge" else before
    if draw(st.booleans()):  # recent ones more often: chains are deep, and what is skipped spreads
        near = near[-4:]
    most = 2 if kind == "merge" else 3
    sources = draw(st.lists(st.sampled_from(near), min_size=1, max_size=most, unique_by=_name))
    after = [draw(_edge(source)) for source in sources]
    return {"id": name, "after": after} | make_node(draw, kind, name, sources)


@st.composite
def _edge(draw: st.DrawFn, source: Node) -> str | Node:
    """An edge from this node: plain, from one of its branches, or with a comparison on it."""
    name, branches = (
        source["id"],
        {"condition": ("low", "high"), "approval": ("approved", "refused")},
    )
    if source["kind"] in branches and draw(st.booleans()):
        return f"{name}:{draw(st.sampled_from(branches[source['kind']]))}"
    if source.get("on_failure") == "route":
        return f"{name}:failed"
    if source["kind"] in ("llm", "transform") and draw(st.integers(0, 5)) == 5:
        op, right = ("contains", "b") if source["kind"] == "llm" else (">", 9)
        return {"node": name, "when": {"left": told(source), "op": op, "right": right}}
    return str(name)


def _start() -> Node:
    schema = {
        "type": "object",
        "properties": {"run": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["run", "n"],
    }
    # Endorsed, so that effects need nobody's word.
    return {"id": "start", "kind": "input", "labels": {"integrity": "endorsed"}, "schema": schema}


def _result(nodes: tuple[Node, ...] | list[Node]) -> Node:
    """The output waits for all leaves and says what each of them said; skipped ones say null."""
    named = {_source(entry) for node in nodes for entry in node.get("after", ())}
    leaves = [node for node in nodes if node["id"] not in named]
    return {
        "id": "result",
        "kind": "output",
        "after": [
            f"{leaf['id']}:failed" if leaf.get("on_failure") == "route" else leaf["id"]
            for leaf in leaves
        ],
        "value": {leaf["id"]: told(leaf) for leaf in leaves},
    }


def _definition(name: str, nodes: tuple[Node, ...]) -> str:
    top = {"grove": 1, "name": name, "title": "Made at random", "data_class": "internal"}
    return json.dumps(top | {"nodes": nodes})


def _source(entry: str | Node) -> str:
    return str(entry["node"]) if isinstance(entry, dict) else entry.partition(":")[0]


def _name(node: Node) -> str:
    return str(node["id"])
