"""Graphs made by Hypothesis: 3 to 15 nodes, whose every output depends on all that flowed in.

Each run's input is {run, n}. `run` goes to the outside world only, so that it can count; `n` decides what the run
answers. So two runs of one graph with the same `n` must end alike, whatever happened to their workers.
"""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Node = dict[str, Any]
INNER = ("llm", "llm", "llm", "transform", "transform", "condition", "merge")
# What a node says of itself, and what others read of it.
TOLD = {"llm": ".text", "transform": ".v", "condition": ".branch", "merge": "", "input": ".n"}
MOST_INNER = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeGraph:
    """A definition without its name, and the input that its runs get."""

    nodes: tuple[Node, ...]
    n: int

    def definition(self, name: str) -> str:
        return json.dumps(
            {
                "grove": 1,
                "name": name,
                "title": "Made at random",
                "data_class": "internal",
                "nodes": self.nodes,
            }
        )


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


@st.composite
def graphs(draw: st.DrawFn) -> MadeGraph:
    nodes: list[Node] = [_start()]
    for number in range(draw(st.integers(1, MOST_INNER))):
        nodes.append(draw(_inner(f"n{number}", tuple(nodes))))
    return MadeGraph(nodes=(*nodes, _result(nodes)), n=draw(st.integers(0, 9)))


@st.composite
def _inner(draw: st.DrawFn, name: str, before: tuple[Node, ...]) -> Node:
    kind = draw(st.sampled_from(INNER if len(before) > 1 else ("llm", "transform")))
    if kind == "merge":
        before = before[1:]  # what it hands on must not name the run
    most = 2 if kind == "merge" else 3
    # Recent ones more often: chains are deep, and what is skipped spreads.
    near = before[-4:] if draw(st.booleans()) else before
    sources = draw(st.lists(st.sampled_from(near), min_size=1, max_size=most, unique_by=_name))
    after = [_edge(source, draw(st.sampled_from(("", "low", "high")))) for source in sources]
    node = {"id": name, "kind": kind, "after": after}
    told = [_told(source) for source in sources]
    match kind:
        case "llm":
            fails = draw(st.integers(0, 19)) == 19
            prompt = f"{{{{ start.run }}}} {name} {'fail' if fails else 'ask'} {' '.join(told)}"
            return node | {"model_group": "default", "prompt": prompt, "max_tokens": 20}
        case "transform":
            seen = ", ".join(source["id"] for source in sources if source["id"] != "start")
            length = f"length(to_string([start.n{', ' if seen else ''}{seen}]))"
            return node | {"expression": f"{{v: {length}}}"}
        case "condition":
            return node | {"cases": [draw(_case(sources[0]))], "otherwise": "low"}
    return node | {"mode": draw(st.sampled_from(("first", "object")))}


@st.composite
def _case(draw: st.DrawFn, source: Node) -> Node:
    if source["kind"] == "llm":
        when = {"op": "contains", "right": draw(st.sampled_from("abcdefgh"))}
    elif source["kind"] == "transform":
        when = {"op": ">", "right": draw(st.integers(5, 60))}
    else:
        return {"branch": "high", "when": {"left": "{{ start.n }}", "op": ">", "right": 4}}
    return {"branch": "high", "when": {"left": _told(source), **when}}


def _start() -> Node:
    schema = {
        "type": "object",
        "properties": {"run": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["run", "n"],
    }
    return {"id": "start", "kind": "input", "schema": schema}


def _result(nodes: list[Node]) -> Node:
    """The output waits for all leaves and says what each of them said; skipped ones say null."""
    named = {entry.partition(":")[0] for node in nodes for entry in node.get("after", ())}
    leaves = [node for node in nodes if node["id"] not in named]
    return {
        "id": "result",
        "kind": "output",
        "after": [leaf["id"] for leaf in leaves],
        "value": {leaf["id"]: _told(leaf) for leaf in leaves},
    }


def _edge(source: Node, branch: str) -> str:
    takes = source["kind"] == "condition" and branch
    return f"{source['id']}:{branch}" if takes else str(source["id"])


def _told(source: Node) -> str:
    return f"{{{{ {source['id']}{TOLD[source['kind']]} }}}}"


def _name(node: Node) -> str:
    return str(node["id"])
