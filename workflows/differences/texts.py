"""How two texts differ, word by word, and how values are said in a sentence. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from typing import Any

from workflows.differences.change import Part

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
MOST_WORDS = 1_500  # beyond that line by line: comparing grows with the square
MOST_PARTS = 400
SAID = 80


def parts(before: str, after: str) -> tuple[Part, ...]:
    """The later text with what came and what went, word by word; of long texts line by line."""
    pattern = _WORDS
    if max(len(_WORDS.findall(before)), len(_WORDS.findall(after))) > MOST_WORDS:
        pattern = _LINES
    old, new = pattern.findall(before), pattern.findall(after)
    found: list[Part] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if tag == "equal":
            found.append(Part(" ", "".join(new[b_from:b_to])))
            continue
        if a_to > a_from:
            found.append(Part("-", "".join(old[a_from:a_to])))
        if b_to > b_from:
            found.append(Part("+", "".join(new[b_from:b_to])))
    if len(found) > MOST_PARTS:
        return (Part("-", before), Part("+", after))
    return tuple(found)


def counted(found: Sequence[Part]) -> str:
    """“2 words came, 1 went”."""
    came, went = (_word_count(found, sign) for sign in "+-")
    told = [
        f"{count:,} {'word' if count == 1 else 'words'} {verb}"
        for count, verb in ((came, "came"), (went, "went"))
        if count
    ]
    return ", ".join(told) or "only blanks and signs"


def _word_count(found: Sequence[Part], sign: str) -> int:
    return sum(len(re.findall(r"\w+", part.text)) for part in found if part.sign == sign)


def said(value: Any) -> str:
    """A value in a sentence, short: “default”, 1,000, yes, nothing, a, b and c."""
    match value:
        case None | "" | () | []:
            told = "nothing"
        case bool():
            told = "yes" if value else "no"
        case int():
            told = f"{value:,}"
        case float():
            told = f"{value:g}"
        case str():
            told = f"“{_cut(value)}”"
        case list() | tuple() if all(isinstance(each, str) for each in value):
            told = listed(value)
        case _:
            told = f"`{_cut(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))}`"
    return told


def listed(names: Sequence[str]) -> str:
    """“a”, “b” and “c”; beyond six a number."""
    quoted = [f"“{name}”" for name in names]
    if len(quoted) > 6:
        quoted = [*quoted[:5], f"{len(quoted) - 5} more"]
    if len(quoted) < 2:
        return "".join(quoted) or "nothing"
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SAID else f"{flat[: SAID - 1]}…"
