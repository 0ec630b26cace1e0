"""What is wrong with a definition, told so that its author can mend it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """An error refuses publication and import; a warning is shown and refuses nothing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong. Lines and columns count from 1; None where there is no place for it.

    `field` is the member of the node that it is in, where there is one; `way` the nodes through which comes what is
    wrong here.
    """

    code: str
    sentence: str
    node: str | None = None
    line: int | None = None
    column: int | None = None
    severity: Severity = Severity.ERROR
    field: str = ""
    way: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"Line {self.line}: " if self.line else ""
        return f"{place}{self.sentence}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def meant(word: object, known: Iterable[str]) -> str:
    """“ Did you mean “x”?” when a known word is near, otherwise nothing."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f" Did you mean “{near[0]}”?" if near else ""
