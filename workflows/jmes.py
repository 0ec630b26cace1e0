"""JMESPath within bounds: every step costs, and what grows too large is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath import functions, lexer, visitor
from jmespath.exceptions import JMESPathError, JMESPathTypeError

MAX_EXPRESSION = 4_000
MAX_VALUES = 200_000  # values in any one result
MAX_CHARACTERS = 8_000_000  # characters in any one result
MAX_FUEL = 1_000_000  # steps and values counted over one search
_MAKERS = frozenset({"multi_select_list", "multi_select_dict", "flatten", "function_expression"})
_PROBE = "probe_of_a_name_that_no_node_has"


class ExpressionFailed(ValueError):
    """An expression that cannot be read, cannot be applied, or makes too much."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


def check(expression: str) -> None:
    """Raises ExpressionFailed where the expression is not JMESPath."""
    tree = _parsed(expression)
    for call in _nodes_of_type(tree, "function_expression"):
        if call["value"] not in _Functions.FUNCTION_TABLE:
            raise ExpressionFailed(
                "expression_invalid", f"JMESPath has no function “{call['value']}”."
            )


def search(expression: str, value: Mapping[str, Any]) -> Any:
    """What the expression makes of the value. Raises ExpressionFailed."""
    tree = _parsed(expression)
    try:
        result = _Bounded().visit(tree, value)
        if tree["type"] not in _MAKERS:  # what those make is measured when they make it
            _measure(result)
    except JMESPathTypeError as error:  # its own sentence holds the value, which is content
        takes = " or ".join(error.expected_types)
        raise ExpressionFailed(
            "expression_failed",
            f"The expression cannot be applied: {error.function_name}() takes {takes}, "
            f"and was given {error.actual_type}.",
        ) from None
    except JMESPathError as error:
        raise ExpressionFailed(
            "expression_failed", f"The expression cannot be applied: {_told(error)}."
        ) from None
    except RecursionError:
        raise ExpressionFailed("expression_too_large", "The result is nested too deep.") from None
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        if isinstance(error, ExpressionFailed):
            raise
        raise ExpressionFailed(
            "expression_failed",
            f"The expression cannot be applied to these values ({type(error).__name__}).",
        ) from None
    return result


def names_in(expression: str) -> list[str]:
    """Names that the expression looks up at the top, where the ids of nodes are."""
    found = (part["value"] for part in _looked_at(expression) if part["type"] == "field")
    return list(dict.fromkeys(found))


def rename(expression: str, old: str, new: str) -> str:
    """The expression with a name that it looks up at the top replaced, and all else as it was written."""
    if old not in names_in(expression):
        return expression
    tokens = list(lexer.Lexer().tokenize(expression))
    written = [
        (token["start"], _end_of(token))
        for token in tokens
        if token["value"] == old and token["type"] in ("unquoted_identifier", "quoted_identifier")
    ]
    for start, end in reversed(written):
        before, after = expression[:start], expression[end:]
        if _PROBE in names_in(f"{before}{_PROBE}{after}"):
            expression = f"{before}{new}{after}"
    return expression


def _end_of(token: Mapping[str, Any]) -> int:
    # The lexer counts the end of a quoted name without its first quotation mark.
    quotes = 2 if token["type"] == "quoted_identifier" else 0
    return int(token["start"]) + len(token["value"]) + quotes


def looks_at_everything(expression: str) -> bool:
    """True when it uses the whole value at the top (`@`, `*`), not only by names."""
    return any(part["type"] != "field" for part in _looked_at(expression))


def _looked_at(expression: str) -> list[dict[str, Any]]:
    try:
        return list(_at_the_top(_parsed(expression)))
    except ExpressionFailed:
        return []


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> dict[str, Any]:
    if len(expression) > MAX_EXPRESSION:
        raise ExpressionFailed(
            "expression_invalid", f"The expression is longer than {MAX_EXPRESSION:,} characters."
        )
    try:
        tree: dict[str, Any] = jmespath.compile(expression).parsed
    except (JMESPathError, ValueError) as error:
        raise ExpressionFailed(
            "expression_invalid", f"The expression is not JMESPath: {_told(error)}."
        ) from None
    except RecursionError:
        raise ExpressionFailed("expression_invalid", "The expression is nested too deep.") from None
    return tree


def _told(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".:")[:200]


def _at_the_top(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of the tree that look at the whole value, not at a part of it."""
    children = tree["children"]
    match tree["type"]:
        case "field" | "current" | "identity":
            yield tree
        case (
            "subexpression" | "index_expression" | "pipe" | "flatten" | "projection"
            | "value_projection" | "filter_projection"
        ):  # fmt: skip
            yield from _at_the_top(children[0])
        case "literal" | "expref" | "index" | "slice":
            return
        case _:  # lists, objects, functions, comparisons, and/or/not: each child does
            for child in children:
                yield from _at_the_top(child)


def _nodes_of_type(tree: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if node["type"] == kind:
            yield node
        pending.extend(node["children"])


class _Functions(functions.Functions):
    """The standard functions; `join` counts before it makes."""

    @functions.signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, texts: list[str]) -> str:
        if len(separator) * len(texts) + sum(map(len, texts)) > MAX_CHARACTERS:
            raise _too_large()
        return separator.join(texts)


_OPTIONS = visitor.Options(custom_functions=_Functions())


class _Bounded(visitor.TreeInterpreter):
    """An interpreter with fuel. Only constructions can make a value larger: they are measured."""

    def __init__(self) -> None:
        super().__init__(_OPTIONS)
        self.fuel = MAX_FUEL

    def visit(self, node: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        self._burn(1)
        kind = node["type"]
        result = getattr(self, f"visit_{kind}")(node, *args, **kwargs)
        if isinstance(result, list):
            self._burn(len(result))
        if kind in _MAKERS:
            self._burn(_measure(result))
        return result

    def visit_flatten(self, node: dict[str, Any], value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        flat: list[Any] = []
        for element in base:
            flat.extend(element if isinstance(element, list) else (element,))
            if len(flat) > MAX_VALUES:
                raise _too_large()
        return flat

    def _burn(self, steps: int) -> None:
        self.fuel -= steps
        if self.fuel < 0:
            raise ExpressionFailed("expression_too_large", "The expression takes too many steps.")


def _measure(value: Any) -> int:
    """How many values there are inside, shared ones counted each time."""
    count = characters = 0
    pending = [value]
    while pending:
        inner = pending.pop()
        count += 1
        if isinstance(inner, str):
            characters += len(inner)
        elif isinstance(inner, dict):
            pending.extend(inner.values())
        elif isinstance(inner, list):
            pending.extend(inner)
        if len(pending) + count > MAX_VALUES or characters > MAX_CHARACTERS:
            raise _too_large()
    return count


def _too_large() -> ExpressionFailed:
    return ExpressionFailed(
        "expression_too_large",
        f"The result is larger than {MAX_VALUES:,} values or {MAX_CHARACTERS:,} characters.",
    )
