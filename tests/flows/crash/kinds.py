"""The nodes of graphs made at random, kind by kind, and what others may read of each.

Whatever reaches the world says first which run and which node it comes from: “run-7 n3 ask …”.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.flows.crash.world import HERE

Node = dict[str, Any]
# What a node says that is the same in every run of a graph; None: nothing is.
TOLD = {
    "llm": "text",
    "transform": "v",
    "condition": "branch",
    "tool": "json.word",
    "approval": "verdict",
    "for_each": "items",
    "refine": "value",
    "sub_workflow": "",
    "merge": "",
    "input": "n",
    "delay": None,
}
LETTERS = "abcdefgh"


def told(node: Node) -> str:
    """A reference to what a node says."""
    path = _path(node)
    return "it was there" if path is None else f"{{{{ {path} }}}}"


def _path(node: Node) -> str | None:
    said = "code" if node.get("on_failure") == "route" else TOLD[node["kind"]]
    return f"{node['id']}.{said}".rstrip(".") if said is not None else None


def make_node(draw: st.DrawFn, kind: str, name: str, sources: Sequence[Node]) -> Node:
    """A node of this kind after these: all but its id and its edges."""
    made = _MAKERS[kind](draw, name, sources)
    return {"kind": kind} | made


def _llm(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    if draw(st.integers(0, 11)) < 11:
        return _asks(name, "ask", sources)
    goes_on = draw(st.sampled_from(("fail", "continue", "route")))
    fallback = {"fallback": {"text": "nothing"}} if goes_on == "continue" else {}
    return _asks(name, "fail", sources) | {"on_failure": goes_on} | fallback


def _flaky(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    retry = {"attempts": 9, "wait_seconds": draw(st.sampled_from((0.1, 0.5))), "factor": 1}
    return {"kind": "llm", **_asks(name, "flaky", sources), "retry": retry}


def _transform(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    seen = [path for path in map(_path, sources) if path is not None]
    return {"expression": f"{{v: length(to_string([start.n, {', '.join(seen) or 'start.n'}]))}}"}


def _condition(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    first = sources[0]
    if first["kind"] == "llm":
        when = {"left": told(first), "op": "contains", "right": draw(st.sampled_from(LETTERS))}
    elif first["kind"] == "transform":
        when = {"left": told(first), "op": ">", "right": draw(st.integers(5, 60))}
    else:
        when = {"left": "{{ start.n }}", "op": ">", "right": 4}
    return {"cases": [{"branch": "high", "when": when}], "otherwise": "low"}


def _merge(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    return {"mode": draw(st.sampled_from(("first", "object")))}


def _tool(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    """An effect in the world. It carries nothing that is not trusted, so that no policy stops it."""
    arguments = {
        "method": "POST",
        "url": f"{HERE}/{{{{ start.run }}}}/{name}",
        "json": {"do": name},
    }
    return {
        "tool": "http_request",
        "arguments": arguments,
        "idempotent": draw(st.booleans()),
    }


def _delay(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    return {"seconds": draw(st.sampled_from((0.05, 0.4, 1.4)))}  # the last one parks the run


def _approval(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    return {"question": f"Shall {name} go on?", "approver": "reviewer", "expires_in_seconds": 3600}


def _for_each(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    asked = f"{name}_ask"
    path = f"{name}[{{{{ index }}}}].{asked}"
    items = draw(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=5))
    inside = {"id": asked, "kind": "llm", **_asks(path, "ask {{ item }}", sources)}
    counted = {
        "id": f"{name}_v",
        "kind": "transform",
        "after": [asked],
        "expression": f"{{v: length({asked}.text)}}",
    }
    return {
        "items": items,
        "width": draw(st.integers(1, 3)),
        "children_above": draw(st.sampled_from((25, 25, 0))),
        "body": {"nodes": [inside, counted]},
        "value": f"{{{{ {asked}.text }}}} {{{{ {name}_v.v }}}}",
    }


def _refine(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    draft = f"{name}_draft"
    path = f"{name}[r{{{{ round }}}}].{draft}"
    inside = {"id": draft, "kind": "llm", **_asks(path, "ask {{ previous }}", sources)}
    said = f"{{{{ {draft}.text }}}}"
    return {
        "rounds": 3,
        "body": {"nodes": [inside]},
        "accept": {"left": said, "op": "contains", "right": draw(st.sampled_from(LETTERS))},
        "value": said,
        "feedback": "Again.",
        "on_exhausted": "last",
    }


def _sub_workflow(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    asked = {"run": f"{{{{ start.run }}}}/{name}", "n": "{{ start.n }}"}
    return {"workflow": "crash-child@1", "input": asked}


def _asks(path: str, verb: str, sources: Sequence[Node]) -> Node:
    prompt = f"{{{{ start.run }}}} {path} {verb} {' '.join(told(source) for source in sources)}"
    return {"model_group": "default", "prompt": prompt, "max_tokens": 20}


_MAKERS = {
    "llm": _llm,
    "flaky": _flaky,
    "transform": _transform,
    "condition": _condition,
    "merge": _merge,
    "tool": _tool,
    "delay": _delay,
    "approval": _approval,
    "for_each": _for_each,
    "refine": _refine,
    "sub_workflow": _sub_workflow,
}
