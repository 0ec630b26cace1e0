"""The difference between two documents: in words, section by section, and line by line. Pure."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

TOP = "Overview"  # what stands before the first heading


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionChange:
    """One section that differs. `added` and `removed` are lines."""

    section: str
    added: int
    removed: int
    is_new: bool
    is_gone: bool

    @property
    def sentence(self) -> str:
        if self.is_new:
            return f"“{self.section}” is new."
        if self.is_gone:
            return f"“{self.section}” is gone."
        return (
            f"“{self.section}” changed: {_lines(self.added)} added, {_lines(self.removed)} removed."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`unified` is empty for equal documents."""

    sections: tuple[SectionChange, ...]
    unified: str

    @property
    def is_empty(self) -> bool:
        return not self.unified


def compare(before: str, after: str, *, named: tuple[str, str]) -> Difference:
    """What the second document says otherwise than the first; `named` heads the lines of each."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *named, lineterm="", n=2)
    return Difference(sections=tuple(_sections(before, after)), unified="\n".join(lines))


def _sections(before: str, after: str) -> Iterator[SectionChange]:
    """In the order of the newer document; those that are gone come last."""
    old, new = split(before), split(after)
    for name in [*new, *(gone for gone in old if gone not in new)]:
        was, is_now = old.get(name, []), new.get(name, [])
        if was == is_now:
            continue
        told = list(difflib.ndiff(was, is_now))
        yield SectionChange(
            section=name,
            added=sum(line.startswith("+ ") for line in told),
            removed=sum(line.startswith("- ") for line in told),
            is_new=name not in old,
            is_gone=name not in new,
        )


def split(text: str) -> dict[str, list[str]]:
    """The lines under each heading: “Nodes: 2. Classify”; empty ones left out. What is in a fence is no heading."""
    sections: dict[str, list[str]] = {TOP: []}
    name, chapter, fence = TOP, "", ""
    for line in text.splitlines():
        marks = line[: len(line) - len(line.lstrip("`"))]
        if len(marks) >= 3 and (not fence or (line.strip() == marks and len(marks) >= len(fence))):
            fence = "" if fence else marks
        elif not fence and line.startswith("## "):
            name = chapter = line[3:]
        elif not fence and line.startswith("### "):
            name = f"{chapter}: {line[4:]}"
        if line:
            sections.setdefault(name, []).append(line)
    return sections


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
