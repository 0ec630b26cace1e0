"""What a node does, in a sentence for people who do not read definitions. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workflows import references
from workflows.tools.declarations import DECLARED

Spec = Mapping[str, Any]
Plain = Callable[[str], str]

_REFERENCE = re.compile(r"\{\{\s*([^{}`]*?)\s*\}\}")
OPERATORS = {
    "==": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "in": "is one of",
    "contains": "contains",
}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def describe(spec: Spec, plain: Plain) -> str:
    """One paragraph. A kind without words of its own is named by its kind."""
    words = _WORDS.get(str(spec["kind"]))
    return words(spec, plain) if words else f"A node of the kind {plain(str(spec['kind']))}."


def instructions(spec: Spec) -> Iterable[str]:
    """The texts a node sends or computes with, word for word."""
    members = ("system", "prompt", "expression", "code")
    return [str(spec[member]) for member in members if spec.get(member)]


def conditions(spec: Spec, plain: Plain) -> str:
    """Under which conditions on its edges the node runs; empty where there are none."""
    told = [
        _when(edge["when"], plain)
        for edge in spec.get("after") or ()
        if isinstance(edge, Mapping) and edge.get("when")
    ]
    return f"It runs only when {' and '.join(told)}." if told else ""


def troubles(spec: Spec, plain: Plain, *, failed: str) -> str:
    """Time-outs, further attempts, what happens on failure, and whether it answers early; empty for the usual.

    `failed` names the nodes that come after a failure.
    """
    told = [
        _time_out(spec),
        *_attempts(spec, plain),
        _failure(spec, plain, failed),
        "What it makes is the early response of the run." if spec.get("respond_here") else "",
    ]
    return " ".join(sentence for sentence in told if sentence)


def lasting(seconds: float) -> str:
    """90 → “90 seconds”, 3600 → “1 hour”: the largest unit that leaves a whole number."""
    for length, unit in _UNITS:
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"


# -- the kinds


def _input(spec: Spec, plain: Plain) -> str:
    return f"Takes the input. {_shape(spec.get('schema'), plain)}".rstrip()


def _redact(spec: Spec, plain: Plain) -> str:
    kinds = ", ".join(str(kind) for kind in spec.get("detect") or ()) or "everything it knows"
    return f"Finds and masks in {_template(spec.get('value'), plain)}: {plain(kinds)}. No model is asked."


def _llm(spec: Spec, plain: Plain) -> str:
    limit = f" at most {spec['max_tokens']} tokens," if spec.get("max_tokens") else ""
    asked = (
        f"Asks a model of the group {plain(str(spec.get('model_group')))},{limit} in these words."
    )
    return f"{asked} {_shape(spec['output'], plain)}" if spec.get("output") else asked


def _transform(_spec: Spec, _plain: Plain) -> str:
    return (
        "Computes a value from what came before, by this expression (JMESPath). No model is asked."
    )


def _condition(spec: Spec, plain: Plain) -> str:
    cases = [
        f"branch {plain(str(case['branch']))} when {_when(case.get('when') or {}, plain)}"
        for case in spec.get("cases") or ()
    ]
    return f"Chooses {'; '.join(cases)}; otherwise branch {plain(str(spec.get('otherwise')))}."


def _merge(spec: Spec, _plain: Plain) -> str:
    if spec.get("mode") == "object":
        return "Waits for all branches that were taken and puts what they made side by side."
    return "Waits for all branches that were taken and goes on with the first of them in order."


def _output(_spec: Spec, _plain: Plain) -> str:
    return "Gives the result of the run."


def _for_each(spec: Spec, plain: Plain) -> str:
    name, width = plain(str(spec.get("as", "item"))), spec.get("width", 4)
    items = spec.get("items")
    entries = f"{len(items):,} entries" if isinstance(items, list) else _template(items, plain)
    failures = spec.get("failures", 0)
    allowed = f"Up to {failures:,} of them may fail." if failures else "None of them may fail."
    return (
        f"Runs the nodes inside once for each entry of {entries}, which they know as `{name}`: "
        f"at most {spec.get('at_most', 1_000):,} entries, {width} at the same time. {allowed}"
    )


def _refine(spec: Spec, plain: Plain) -> str:
    exhausted = (
        "When no round is accepted, the last one is taken."
        if spec.get("on_exhausted") == "last"
        else "When no round is accepted, it fails."
    )
    told = (
        f" The next round is told {_template(spec['feedback'], plain)}."
        if spec.get("feedback")
        else ""
    )
    return (
        f"Repeats the nodes inside until {_when(spec.get('accept') or {}, plain)}, "
        f"at most {spec.get('rounds', 3)} times.{told} {exhausted}"
    )


def _sub_workflow(spec: Spec, plain: Plain) -> str:
    slug, _, number = str(spec.get("workflow")).partition("@")
    return (
        f"Starts a run of the workflow {plain(slug)} in its version {plain(number)}, and goes on with what that "
        "answers. It does not change when that workflow does."
    )


def _delay(spec: Spec, plain: Plain) -> str:
    if "until" in spec:
        return f"Waits until {_template(spec['until'], plain)}."
    return f"Waits for {lasting(spec.get('seconds') or 0)}."


def _callback(spec: Spec, plain: Plain) -> str:
    request = spec.get("request")
    announced = (
        f" It tells of the address by the tool {plain(str(request['tool']))}." if request else ""
    )
    return (
        f"Waits at most {lasting(spec.get('expires_in_seconds') or 0)} until somebody outside answers at an address "
        f"that is made for this and good for one answer.{announced} {_shape(spec.get('schema'), plain)}"
    ).rstrip()


def _approval(spec: Spec, plain: Plain) -> str:
    return (
        f"Asks a person with the role {plain(str(spec.get('approver')).replace('_', ' '))}: "
        f"“{_template(spec.get('question'), plain)}” Undecided after "
        f"{lasting(spec.get('expires_in_seconds') or 0)}, it fails."
    )


def _tool(spec: Spec, plain: Plain) -> str:
    name = str(spec.get("tool"))
    declared = DECLARED.get(name)
    does = f" {declared.sentence}" if declared else ""
    repeated = (
        "Doing it twice is doing it once."
        if spec.get("idempotent") or (declared and declared.repeatable)
        else "It is never repeated by itself when a worker was lost in the middle."
    )
    return f"Calls the tool {plain(name)}, without a model.{does} {repeated}"


def _code(spec: Spec, plain: Plain) -> str:
    tools = ", ".join(plain(str(tool)) for tool in spec.get("may_call") or ())
    inputs = ", ".join(
        f"`{name}` ({_template(value, plain)})"
        for name, value in (spec.get("inputs") or {}).items()
    )
    return (
        f"Runs this program in a sandbox, without a model. It is given {inputs or 'nothing'} and may call "
        f"{tools or 'no tool'}."
    )


# -- what all kinds share


def _time_out(spec: Spec) -> str:
    seconds = spec.get("timeout_seconds")
    if not seconds:
        return ""
    calls = spec["kind"] in ("llm", "tool")  # these bound each call they make
    return f"{'A call' if calls else 'An attempt'} may take {lasting(seconds)}."


def _attempts(spec: Spec, plain: Plain) -> Iterable[str]:
    written = spec.get("retry")
    for rule in [written] if isinstance(written, Mapping) else written or ():
        codes = ", ".join(plain(str(code)) for code in rule.get("on") or ())
        when = f"with {codes}" if codes else "for a reason that may go away by itself"
        yield f"When it fails {when}, it is tried up to {rule.get('attempts', 3)} times in all."


def _failure(spec: Spec, plain: Plain, failed: str) -> str:
    match spec.get("on_failure"):
        case "continue":
            fallback = spec.get("fallback")
            value = _template(fallback, plain) if fallback is not None else "nothing"
            return f"When it fails for good, the run goes on with {value} in its place, and says so at its end."
        case "route":
            return f"When it fails for good, the run goes on at {failed}."
    return ""


def _when(when: Spec, plain: Plain) -> str:
    operator = OPERATORS.get(str(when.get("op")), str(when.get("op")))
    return f"{_template(when.get('left'), plain)} {operator} {_template(when.get('right'), plain)}"


def _shape(schema: Any, plain: Plain) -> str:
    """The members of a JSON Schema object in words."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or not properties:
        return ""
    required = set(schema.get("required") or ())
    told = [
        f"{plain(name)} ({_type(member, plain)}{'' if name in required else ', optional'})"
        for name, member in properties.items()
    ]
    return f"Members: {', '.join(told)}."


def _type(schema: Any, plain: Plain) -> str:
    if not isinstance(schema, Mapping):
        return "anything"
    if "enum" in schema:
        return "one of " + ", ".join(plain(str(value)) for value in schema["enum"])
    kind = schema.get("type", "anything")
    return plain(" or ".join(map(str, kind)) if isinstance(kind, list) else str(kind))


def _template(value: Any, plain: Plain) -> str:
    """A value with its references as code: “letter.text” instead of braces."""
    if value is None:
        return "nothing"
    parts = _REFERENCE.split(references.text_of(value))  # text, reference, text, reference, …
    return "".join(
        f"`{part}`" if place % 2 else _spaced(part, plain) for place, part in enumerate(parts)
    )


def _spaced(text: str, plain: Plain) -> str:
    """Plain, with a blank left where there was one beside a reference."""
    before = " " if text[:1].isspace() else ""
    after = " " if text.strip() and text[-1:].isspace() else ""
    return f"{before}{plain(text)}{after}"


_WORDS: dict[str, Callable[[Spec, Plain], str]] = {
    "input": _input,
    "redact": _redact,
    "llm": _llm,
    "transform": _transform,
    "condition": _condition,
    "merge": _merge,
    "output": _output,
    "for_each": _for_each,
    "refine": _refine,
    "sub_workflow": _sub_workflow,
    "delay": _delay,
    "callback": _callback,
    "approval": _approval,
    "tool": _tool,
    "code": _code,
}
