"""Folds a text to ASCII, one character to one, so that look-alike digits and dashes hide nothing.

Pure. Characters without width are dropped; places are translated back.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

_WITHOUT_WIDTH = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_ESCAPED_SPACE = re.compile(rb"\\[nrt]")  # in JSON text, a line break must not grow onto a number

_BY_CATEGORY = {"Pd": "-", "Sm": "-", "Zs": " ", "Zl": " ", "Zp": " "}  # Sm: the minus sign


@dataclass(frozen=True, slots=True)
class Folded:
    """ASCII bytes in which every byte stands for one character of the text."""

    content: bytes
    dropped: tuple[int, ...] = ()  # where in the content characters were left out, ascending

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The places in the text of these places in the content."""
        if not self.dropped:
            return start, end
        return self._place(start), self._place(end - 1) + 1

    def _place(self, position: int) -> int:
        return position + bisect_right(self.dropped, position)


def fold(text: str) -> Folded:
    if text.isascii():
        return Folded(_ESCAPED_SPACE.sub(b"  ", text.encode("ascii")))
    dropped = [match.start() for match in _WITHOUT_WIDTH.finditer(text)]
    kept = _WITHOUT_WIDTH.sub("", text) if dropped else text
    content = _ESCAPED_SPACE.sub(b"  ", kept.translate(_TABLE).encode("ascii"))
    return Folded(content, tuple(place - count for count, place in enumerate(dropped)))


class _Table(dict[int, int]):
    """Learns the fold of each character when it first meets it."""

    def __missing__(self, code: int) -> int:
        folded = ord(_fold_character(chr(code)))
        self[code] = folded
        return folded


def _fold_character(character: str) -> str:
    if character.isascii():
        return character
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return _BY_CATEGORY.get(unicodedata.category(character), "\x01")


_TABLE = _Table()
