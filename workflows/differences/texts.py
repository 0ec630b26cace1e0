"""How two texts differ, word by word, and how values are said in a sentence. Pure."""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from workflows.differences.change import Part

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
MOST_WORDS = 1_500  # that changed; beyond that line by line
MOST_PARTS = 400
SAID = 80


def parts(before: str, after: str) -> tuple[Part, ...]:
    """The later text with what came and what went, word by word; line by line where very much changed."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    same = _alike(old, new)
    tail = _alike(old[same:][::-1], new[same:][::-1])
    if max(len(old), len(new)) - same - tail > MOST_WORDS:
        old, new = _LINES.findall(before), _LINES.findall(after)
        same = tail = 0
    end_old, end_new = len(old) - tail, len(new) - tail
    found = [
        Part(" ", "".join(new[:same])),
        *_matched(old[same:end_old], new[same:end_new]),
        Part(" ", "".join(new[end_new:])),
    ]
    found = _joined([part for part in found if part.text])
    if len(found) > MOST_PARTS:
        return (Part("-", before), Part("+", after))
    return tuple(found)


def _matched(old: Sequence[str], new: Sequence[str]) -> Iterator[Part]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if tag == "equal":
            yield Part(" ", "".join(new[b_from:b_to]))
        else:
            yield Part("-", "".join(old[a_from:a_to]))
            yield Part("+", "".join(new[b_from:b_to]))


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """How many pieces are the same at the beginning: comparing the rest grows with its square."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(old), len(new)))


def _joined(found: Sequence[Part]) -> list[Part]:
    """Neighbours of the same sign as one."""
    grouped = itertools.groupby(found, key=lambda part: part.sign)
    return [Part(sign, "".join(part.text for part in parts)) for sign, parts in grouped]


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
    told = [f"“{name}”" for name in names]
    if len(told) > 6:
        told = [*told[:5], f"{len(told) - 5} more"]
    if len(told) < 2:
        return "".join(told) or "nothing"
    return f"{', '.join(told[:-1])} and {told[-1]}"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SAID else f"{flat[: SAID - 1]}…"
