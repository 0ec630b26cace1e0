"""Fields of a form made from JSON Schema: how a value is shown in each, and read back from what was sent. Pure.

The state of a field is what a browser would send for it, so that a field nobody touched is recognised, and one that
cannot be read is shown again as it was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows import value_text
from workflows.errors import SourceUnreadable
from workflows.expressions import Operator

State = Mapping[str, Sequence[str]]
MORE_ROWS = 2  # empty rows at the end of a table, for what is new
MOST_ROWS = 200


class FieldUnreadable(ValueError):
    """What was typed into a field is not what it takes."""


class Absent:
    """The member is left out."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One field before it has a state. `widget` names how it is shown; `aside` puts it below the fold."""

    name: str
    label: str
    widget: str
    help: str = ""
    required: bool = False
    aside: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    known_keys: tuple[str, ...] = ()
    high: int = 3

    @property
    def key(self) -> str:
        return f"f-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field with its state and what is wrong with it, ready to print."""

    plan: Plan
    state: State
    errors: tuple[str, ...] = ()
    rows: tuple[Any, ...] = ()
    choices: tuple[Choice, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return first(self.state, self.plan.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One row of a table of names and values."""

    place: int
    key: str
    value: str
    fixed: bool = False  # its name is given, because what it goes to knows it


def first(state: State, key: str) -> str:
    values = state.get(key) or ("",)
    return values[0]


def part_of(sent: State, plan: Plan) -> dict[str, list[str]]:
    """What was sent for one field, with line ends as they are kept."""
    return {
        key: [value.replace("\r\n", "\n") for value in values]
        for key, values in sent.items()
        if key == plan.key or key.startswith(f"{plan.key}-")
    }


def state_of(plan: Plan, value: Any) -> dict[str, list[str]]:
    """What a browser sends when nobody touches a field that shows this value."""
    return _SHOWN[plan.widget](plan, value)


def value_of(plan: Plan, state: State) -> Any:
    """The value of a field in this state, or ABSENT. Raises FieldUnreadable."""
    return _READ[plan.widget](plan, state)


def is_untouched(plan: Plan, state: State, value: Any) -> bool:
    """Whether this is what is sent when the value was left as it is. Empty entries say nothing."""
    return _said(state) == _said(state_of(plan, value))


def _said(state: State) -> dict[str, list[str]]:
    said = {key: [each for each in values if each != ""] for key, values in state.items()}
    return {key: values for key, values in said.items() if values}


def to_field(plan: Plan, state: State, errors: Sequence[str] = ()) -> Field:
    chosen = set(state.get(plan.key, ()))
    options = list(plan.choices)
    known = {value for value, _ in options}
    options += [(each, f"{each} (unknown)") for each in sorted(chosen - known) if each]
    return Field(
        plan=plan,
        state=state,
        errors=tuple(errors),
        rows=tuple(_with_room(_pairs(plan, state))) if plan.widget == "pairs" else (),
        choices=tuple(
            Choice(value=value, label=label, chosen=value in chosen) for value, label in options
        )
        if plan.widget in ("choice", "many", "comparison")
        else (),
        extra=_sides(plan, state) if plan.widget == "comparison" else {},
    )


def _sides(plan: Plan, state: State) -> dict[str, str]:
    return {side: first(state, f"{plan.key}-{side}") for side in ("left", "op", "right")}


OPERATORS = tuple(
    (op.value, words)
    for op, words in (
        (Operator.EQUAL, "is"),
        (Operator.NOT_EQUAL, "is not"),
        (Operator.LESS, "is less than"),
        (Operator.LESS_OR_EQUAL, "is at most"),
        (Operator.GREATER, "is greater than"),
        (Operator.GREATER_OR_EQUAL, "is at least"),
        (Operator.IN, "is one of"),
        (Operator.CONTAINS, "contains"),
    )
)


# showing ---------------------------------------------------------------------


def _show_text(plan: Plan, value: Any) -> dict[str, list[str]]:
    if value is ABSENT:
        return {plan.key: [""]}
    return {plan.key: [str(value) if isinstance(value, str) else value_text.to_line(value)]}


def _show_line(plan: Plan, value: Any) -> dict[str, list[str]]:
    return {plan.key: ["" if value is ABSENT else value_text.to_line(value)]}


def _show_flag(plan: Plan, value: Any) -> dict[str, list[str]]:
    return {plan.key: ["yes"]} if value is True else {}


def _show_many(plan: Plan, value: Any) -> dict[str, list[str]]:
    return {plan.key: [str(each) for each in value]} if isinstance(value, list) and value else {}


def _show_lines(plan: Plan, value: Any) -> dict[str, list[str]]:
    listed = value if isinstance(value, list) else []
    return {plan.key: ["\n".join(str(each) for each in listed)]}


def _show_box(plan: Plan, value: Any) -> dict[str, list[str]]:
    return {plan.key: ["" if value is ABSENT else value_text.to_box(value)]}


def _show_pairs(plan: Plan, value: Any) -> dict[str, list[str]]:
    values = dict(value) if isinstance(value, Mapping) else {}
    keys = [*values, *(key for key in plan.known_keys if key not in values)]
    state: dict[str, list[str]] = {}
    for place, key in enumerate(keys):
        state[f"{plan.key}-{place}-key"] = [str(key)]
        shown = value_text.to_line(values[key]) if key in values else ""
        state[f"{plan.key}-{place}-value"] = ['""' if key in values and shown == "" else shown]
    return state


def _show_comparison(plan: Plan, value: Any) -> dict[str, list[str]]:
    written = value if isinstance(value, Mapping) else {}
    return {
        f"{plan.key}-left": [value_text.to_line(written.get("left", ""))],
        f"{plan.key}-op": [str(written.get("op", "=="))],
        f"{plan.key}-right": [value_text.to_line(written.get("right", ""))],
    }


# reading ---------------------------------------------------------------------


def _taken(plan: Plan, state: State) -> str:
    return first(state, f"{plan.key}-from")


def _read_text(plan: Plan, state: State) -> Any:
    text, taken = first(state, plan.key), _taken(plan, state)
    if taken:
        text = f"{text.rstrip()} {{{{ {taken} }}}}".lstrip()
    return text if text or plan.required else ABSENT


def _read_line(plan: Plan, state: State) -> Any:
    if taken := _taken(plan, state):
        return f"{{{{ {taken} }}}}"
    text = first(state, plan.key)
    return value_text.from_line(text) if text or plan.required else ABSENT


def _read_number(plan: Plan, state: State) -> Any:
    text = first(state, plan.key).strip()
    if not text:
        return ABSENT
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise FieldUnreadable(f"“{text[:40]}” is not a number.") from None


def _read_choice(plan: Plan, state: State) -> Any:
    return first(state, plan.key) or ABSENT


def _read_flag(plan: Plan, state: State) -> Any:
    return True if first(state, plan.key) else ABSENT


def _read_many(plan: Plan, state: State) -> Any:
    return [each for each in state.get(plan.key, ()) if each] or ABSENT


def _read_lines(plan: Plan, state: State) -> Any:
    lines = [line.strip() for line in first(state, plan.key).split("\n")]
    return [line for line in lines if line] or ABSENT


def _read_box(plan: Plan, state: State) -> Any:
    text = first(state, plan.key)
    if not text.strip():
        return ABSENT
    try:
        return value_text.from_box(text)
    except SourceUnreadable as error:
        where = f"Line {error.line}: " if error.line else ""
        raise FieldUnreadable(f"{where}{error.sentence}") from None


def _read_pairs(plan: Plan, state: State) -> Any:
    found: dict[str, Any] = {}
    for pair in _pairs(plan, state):
        key = pair.key.strip()
        taken = first(state, f"{plan.key}-{pair.place}-from")
        if not taken and pair.value == "":
            continue
        if not key:
            raise FieldUnreadable(f"“{pair.value[:40]}” stands without a name.")
        if key in found:
            raise FieldUnreadable(f"“{key}” stands twice.")
        found[key] = f"{{{{ {taken} }}}}" if taken else value_text.from_line(pair.value)
    return found


def _read_comparison(plan: Plan, state: State) -> Any:
    return read_comparison(state, plan.key)


def read_comparison(state: State, key: str) -> dict[str, Any]:
    """Left, operator and right, each side also from the list beside it."""
    found: dict[str, Any] = {}
    for side in ("left", "right"):
        taken = first(state, f"{key}-{side}-from")
        text = first(state, f"{key}-{side}")
        found[side] = f"{{{{ {taken} }}}}" if taken else value_text.from_line(text)
    return {"left": found["left"], "op": first(state, f"{key}-op") or "==", "right": found["right"]}


def _pairs(plan: Plan, state: State) -> list[Pair]:
    found = []
    for place in range(MOST_ROWS):
        key = f"{plan.key}-{place}-key"
        if key not in state and f"{plan.key}-{place}-value" not in state:
            break
        name = first(state, key)
        value = first(state, f"{plan.key}-{place}-value")
        found.append(Pair(place=place, key=name, value=value, fixed=name in plan.known_keys))
    return found


def _with_room(rows: list[Pair]) -> list[Pair]:
    """The rows, and empty ones at the end for what is new."""
    while rows and not rows[-1].key and not rows[-1].value:
        rows.pop()
    start = len(rows)
    return [*rows, *(Pair(place=start + count, key="", value="") for count in range(MORE_ROWS))]


_SHOWN: Mapping[str, Callable[[Plan, Any], dict[str, list[str]]]] = {
    "prose": _show_text,
    "code": _show_text,
    "short": _show_text,
    "line": _show_line,
    "number": _show_text,
    "choice": _show_text,
    "flag": _show_flag,
    "many": _show_many,
    "lines": _show_lines,
    "box": _show_box,
    "pairs": _show_pairs,
    "comparison": _show_comparison,
}
_READ: Mapping[str, Callable[[Plan, State], Any]] = {
    "prose": _read_text,
    "code": _read_text,
    "short": _read_text,
    "line": _read_line,
    "number": _read_number,
    "choice": _read_choice,
    "flag": _read_flag,
    "many": _read_many,
    "lines": _read_lines,
    "box": _read_box,
    "pairs": _read_pairs,
    "comparison": _read_comparison,
}
