"""The nodes of graphs made at random, kind by kind, and what others may read of each.

Whatever reaches the world says first which run and which node it comes from: “run-7 n3 ask …”.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.flows.crash.world import CALL_BACK, HERE

Node = dict[str, Any]
# What a node says that is the same in every run of a graph; None: nothing is.
TOLD = {
    "llm": "text",
    "transform": "v",
    "condition": "branch",
    "tool": "json.word",
    "approval": "verdict",
    "callback": "word",
    "code": "v",
    "redact": "text",
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
    pause = draw(st.sampled_from((0.1, 0.5)))
    retry = {"attempts": 9, "wait_seconds": pause, "factor": 1, "on": ["model_bad_request"]}
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
    return _acts(name, name, idempotent=draw(st.booleans()))


def _callback(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    """Tells the world where it wants to be called back."""
    schema = {
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
    }
    request = _acts(name, name, idempotent=draw(st.booleans()))
    request["arguments"]["json"][CALL_BACK] = "{{ callback_url }}"
    return {"expires_in_seconds": 3600, "schema": schema, "request": request}


def _code(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    """Computes from what it reads, or acts on the world and then reads nothing that is not trusted."""
    if draw(st.booleans()):
        seen = {f"s{place}": told(source) for place, source in enumerate(sources)}
        lengths = " + ".join(f"len(str({each}))" for each in seen)
        return {"code": f"{{'v': n * ({lengths})}}", "inputs": {"n": "{{ start.n }}"} | seen}
    idempotent = draw(st.booleans())
    call = (
        f"http_request(method='POST', url=where, json={{'do': '{name}'}}, idempotent={idempotent})"
    )
    return {
        "code": f"answer = {call}\n{{'v': answer['json']['word']}}",
        "inputs": {"where": f"{HERE}/{{{{ start.run }}}}/{name}"},
        "may_call": ["http_request"],
    }


def _redact(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    said = " ".join(told(source) for source in sources)
    return {"value": f"anna@example.org wrote: {said}"}


def _delay(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    return {"seconds": draw(st.sampled_from((0.05, 0.4, 1.4)))}  # the last one parks the run


def _approval(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    return {"question": f"Shall {name} go on?", "approver": "reviewer", "expires_in_seconds": 3600}


def _for_each(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    """Asks for each entry; now and then something stands beside it that acts, waits, goes round or is a run."""
    beside = draw(
        st.sampled_from(("", "", "tool", "approval", "refine", "for_each", "sub_workflow"))
    )
    body = f"{name}[{{{{ index }}}}]."
    # What stands in a body acts on all that flowed into its container, so that must be trusted where it acts.
    read = () if beside == "tool" else sources
    asked: Node = {"id": f"{name}_ask", "kind": "llm"} | _asks(
        f"{body}{name}_ask", "ask {{ item }}", read
    )
    counted = {
        "id": f"{name}_v",
        "kind": "transform",
        "after": [asked["id"]],
        "expression": f"{{v: length({name}_ask.text)}}",
    }
    nodes: list[Node] = [asked, counted]
    if beside == "for_each":  # in there `index` is its own
        placed = {"id": f"{name}_at", "kind": "transform", "expression": "{v: index}"}
        nodes.append(placed)
        body = f"{name}[{{{{ {name}_at.v }}}}]."
    if beside:
        nodes.append(_beside(draw, beside, name, body))
    return _entries(draw) | {
        "body": {"nodes": nodes},
        "value": " ".join([f"{{{{ {name}_ask.text }}}}", *(told(node) for node in nodes[1:])]),
    }


def _beside(draw: st.DrawFn, kind: str, name: str, body: str) -> Node:
    inner = f"{name}_{kind}0"
    made: Node = {"id": inner, "kind": kind}
    match kind:
        case "tool":
            return made | _acts(f"{body}{inner}", name, idempotent=draw(st.booleans()))
        case "approval":
            return made | _approval(draw, inner, ())
        case "refine":
            rounds = f"{body}{inner}[r{{{{ round }}}}]."
            return made | _rounds(draw, f"{inner}_draft", rounds, (), may_hold=False)
        case "for_each":
            inside = _only_asks(draw, f"{inner}_ask", f"{body}{inner}[{{{{ index }}}}].")
            return made | {"after": [f"{name}_at"]} | inside
    return made | _starts(f"{body}{inner}")


def _entries(draw: st.DrawFn) -> Node:
    return {
        "items": draw(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=5)),
        "width": draw(st.integers(1, 3)),
        "children_above": draw(st.sampled_from((25, 25, 0))),
    }


def _only_asks(draw: st.DrawFn, asked: str, body: str) -> Node:
    """A for_each that stands in the body of something else."""
    node = {"id": asked, "kind": "llm"} | _asks(f"{body}{asked}", "ask {{ letter }}", ())
    entries = _entries(draw)
    return entries | {
        "items": entries["items"][:2],
        "as": "letter",
        "body": {"nodes": [node]},
        "value": f"{{{{ {asked}.text }}}}",
    }


def _refine(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    return _rounds(draw, f"{name}_draft", f"{name}[r{{{{ round }}}}].", sources)


def _rounds(
    draw: st.DrawFn, draft: str, body: str, sources: Sequence[Node], *, may_hold: bool = True
) -> Node:
    """Drafts until a letter is in the draft; now and then it asks for some entries first, where another body may."""
    verb = "ask {{ previous }}"
    nodes: list[Node] = []
    if may_hold and draw(st.booleans()):
        each = f"{draft}_each"
        inside = _only_asks(draw, f"{each}_ask", f"{body}{each}[{{{{ index }}}}].")
        nodes.append({"id": each, "kind": "for_each"} | inside)
    drafted = {"id": draft, "kind": "llm", "after": [node["id"] for node in nodes]}
    if not nodes:
        del drafted["after"]
    said = f"{{{{ {draft}.text }}}}"
    return {
        "rounds": 3,
        "body": {"nodes": [*nodes, drafted | _asks(f"{body}{draft}", verb, [*nodes, *sources])]},
        "accept": {"left": said, "op": "contains", "right": draw(st.sampled_from(LETTERS))},
        "value": said,
        "feedback": "Again.",
        "on_exhausted": "last",
    }


def _sub_workflow(draw: st.DrawFn, name: str, sources: Sequence[Node]) -> Node:
    return _starts(name)


def _starts(path: str) -> Node:
    asked = {"run": f"{{{{ start.run }}}}/{path}", "n": "{{ start.n }}"}
    return {"workflow": "crash-child@1", "input": asked}


def _acts(path: str, name: str, *, idempotent: bool) -> Node:
    arguments = {
        "method": "POST",
        "url": f"{HERE}/{{{{ start.run }}}}/{path}",
        "json": {"do": name},
    }
    return {"tool": "http_request", "arguments": arguments, "idempotent": idempotent}


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
    "callback": _callback,
    "code": _code,
    "redact": _redact,
    "for_each": _for_each,
    "refine": _refine,
    "sub_workflow": _sub_workflow,
}
