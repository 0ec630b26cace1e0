"""What a node does, in a sentence for people who do not read definitions. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

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


def describe(spec: Spec, plain: Plain) -> str:
    """One paragraph. A kind without words of its own is named by its kind."""
    words = _WORDS.get(str(spec["kind"]))
    return words(spec, plain) if words else f"A node of the kind {plain(str(spec['kind']))}."


def instructions(spec: Spec) -> Iterable[str]:
    """The texts a node sends or computes with, word for word."""
    return [str(spec[member]) for member in ("system", "prompt", "expression") if spec.get(member)]


def _input(spec: Spec, plain: Plain) -> str:
    return f"Takes the input. {_shape(spec.get('schema'), plain)}"


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


def _when(when: Spec, plain: Plain) -> str:
    operator = OPERATORS.get(str(when.get("op")), str(when.get("op")))
    return f"{_template(when.get('left'), plain)} {operator} {_template(when.get('right'), plain)}"


def _merge(spec: Spec, _plain: Plain) -> str:
    if spec.get("mode") == "object":
        return "Waits for all branches that were taken and puts what they made side by side."
    return "Waits for all branches that were taken and goes on with the first of them in order."


def _output(_spec: Spec, _plain: Plain) -> str:
    return "Gives the result of the run."


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
    parts = _REFERENCE.split(str(value))  # text, reference, text, reference, …
    return "".join(f"`{part}`" if place % 2 else plain(part) for place, part in enumerate(parts))


_WORDS: dict[str, Callable[[Spec, Plain], str]] = {
    "input": _input,
    "redact": _redact,
    "llm": _llm,
    "transform": _transform,
    "condition": _condition,
    "merge": _merge,
    "output": _output,
}
