"""The question that a list of runs answers, as text and as parts: `status:failed -workflow:triage owner:"A and B"`.

Pure. What names there are and what they take comes in as fields; what a part means for rows is in `runs.filters`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import takewhile

TEXT = ""  # the name of the part that has none: what is sought in ids, workflows and owner labels
OPERATORS = (">=", "<=", ">", "<")
LONGEST = 2000
NAMED = re.compile(r"(?P<no>-?)(?P<name>[A-Za-z_]+):(?P<rest>.*)", re.DOTALL)
PIECE = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<open>")|(?P<space>\s+)|(?P<sign>[^\s"])')
PLAIN = re.compile(r'[^\s,"<>-][^\s,"]*')


def no_complaint(value: str) -> str:
    """Whatever is written is taken."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A name that a question may have. `find_fault` gives a sentence for a value that it does not take, or ""."""

    label: str
    words: tuple[str, ...] = ()
    find_fault: Callable[[str], str] = no_complaint
    has_order: bool = False  # takes >=, <=, > and <
    can_exclude: bool = True


@dataclass(frozen=True, slots=True)
class Condition:
    """One part: a name is, or is not, one of these values; or lies on one side of a value."""

    name: str
    values: tuple[str, ...]
    excluded: bool = False
    operator: str = ""

    @property
    def text(self) -> str:
        """As it is written in a question."""
        values = ",".join(_quoted(value) for value in self.values)
        if self.name == TEXT:
            return values
        return f"{'-' if self.excluded else ''}{self.name}:{self.operator}{values}"


@dataclass(frozen=True, slots=True)
class Query:
    """A whole question. `problems` say what was not understood, each with its remedy."""

    conditions: tuple[Condition, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(each.text for each in self.conditions)

    def of(self, name: str) -> tuple[Condition, ...]:
        return tuple(each for each in self.conditions if each.name == name)

    def has(self, name: str) -> bool:
        return any(each.name == name for each in self.conditions)

    def without(self, *names: str) -> "Query":
        kept = tuple(each for each in self.conditions if each.name not in names)
        return replace(self, conditions=kept)

    def less(self, condition: Condition) -> "Query":
        """The question without this one part."""
        kept = tuple(each for each in self.conditions if each != condition)
        return replace(self, conditions=kept)

    def plus(self, more: Iterable[Condition]) -> "Query":
        """With further parts. Values of one name are alternatives; what is on a side of a value stays by itself."""
        merged: dict[tuple[str, bool, str], Condition] = {}
        for each in (*self.conditions, *more):
            apart = each.values[0] if each.operator else ""
            key = (each.name, each.excluded, each.operator + apart)
            before = merged.get(key)
            if before is None:
                merged[key] = each
            elif each.name == TEXT:
                merged[key] = replace(each, values=(f"{before.values[0]} {each.values[0]}",))
            else:
                values = tuple(dict.fromkeys((*before.values, *each.values)))
                merged[key] = replace(before, values=values)
        return replace(self, conditions=tuple(merged.values()))


def parse(text: str, fields: Mapping[str, Field]) -> Query:
    """Read a question. What is not understood is left out, and is said in `problems`."""
    if len(text) > LONGEST:
        return Query(
            problems=(f"A question has at most {LONGEST:,} signs; this one has {len(text):,}.",)
        )
    conditions, problems = [], []
    for word in _words(text):
        read = _read(word, fields)
        if isinstance(read, str):
            problems.append(read)
        else:
            conditions.append(read)
    return replace(Query().plus(conditions), problems=tuple(problems))


def find_faults(condition: Condition, fields: Mapping[str, Field]) -> list[str]:
    """What is wrong with a part, however it was made."""
    if condition.name == TEXT:
        return []
    field, name = fields[condition.name], condition.name
    if condition.excluded and not field.can_exclude:
        return [f"“-{name}:” is not understood. Write {name}: without the minus."]
    if condition.operator and not field.has_order:
        return [
            f"“{name}:{condition.operator}” is not understood. Only {_ordered(fields)} takes <, <=, > and >=."
        ]
    faults = []
    for value in condition.values:
        if field.words and value not in field.words:
            known = ", ".join(field.words)
            faults.append(f"“{value}” is not a value of “{name}”. Known are: {known}.")
        elif fault := field.find_fault(value):
            faults.append(fault)
    return faults


def _words(text: str) -> Iterable[list[tuple[str, bool]]]:
    """Words between spaces; each is a list of signs, and whether they were quoted."""
    word: list[tuple[str, bool]] = []
    for piece in PIECE.finditer(text):
        if piece["space"]:
            if word:
                yield word
            word = []
        elif piece["quoted"] is not None:
            word.append((re.sub(r"\\(.)", r"\1", piece["quoted"]), True))
        else:
            word.append((piece["open"] or piece["sign"], False))
    if word:
        yield word


def _read(word: list[tuple[str, bool]], fields: Mapping[str, Field]) -> Condition | str:
    """A part, or the sentence that says why it is none."""
    if ('"', False) in word:
        return 'A quotation mark is missing: write both, as in owner:"A and B".'
    bare = "".join(signs for signs, _ in takewhile(lambda piece: not piece[1], word))
    named = NAMED.match(bare)
    if named is None:
        whole = "".join(signs for signs, _ in word)
        if not word[0][1] and whole.startswith("-"):
            return f"“{whole}” is not understood. Say what is to be left out, as in -status:failed."
        return Condition(TEXT, (whole,))
    name = named["name"].lower()
    if name not in fields:
        return _unknown(name, fields)
    operator, values = _values(word, len(named["no"]) + len(name) + 1)
    if not values:
        return f"“{name}:” says no value. Write one behind it, or take it away."
    condition = Condition(name, tuple(values), excluded=bool(named["no"]), operator=operator)
    faults = find_faults(condition, fields)
    return faults[0] if faults else condition


def _values(word: list[tuple[str, bool]], behind: int) -> tuple[str, list[str]]:
    """The operator and the values behind the name: commas that are not quoted part them."""
    rest = word[behind:]
    start = "".join(signs for signs, quoted in rest[:2] if not quoted)
    operator = next((sign for sign in OPERATORS if start.startswith(sign)), "")
    values = [""]
    for signs, quoted in rest[len(operator) :]:
        if signs == "," and not quoted:
            values.append("")
        else:
            values[-1] += signs
    return operator, [value for value in values if value]


def _unknown(name: str, fields: Mapping[str, Field]) -> str:
    same = [known for known, field in fields.items() if field.label.lower() == name]
    near = same or get_close_matches(name, fields, n=1)
    meant = f" Did you mean “{near[0]}”?" if near else ""
    return (
        f"“{name}” is not a filter.{meant} Known are: {', '.join(fields)}. "
        f"To look for a text with a colon, put it in quotation marks."
    )


def _ordered(fields: Mapping[str, Field]) -> str:
    return " and ".join(f"“{name}”" for name, field in fields.items() if field.has_order)


def _quoted(value: str) -> str:
    if PLAIN.fullmatch(value) and not NAMED.match(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
