"""Which part of a match is real: checksums, lengths, ranges. Pure.

Each takes the matched text and gives the span of what is real inside it, or None.
"""

from __future__ import annotations

import re

from stdnum import iban as iban_number
from stdnum import luhn
from stdnum.de import idnr
from stdnum.us import ssn as ssn_number

Span = tuple[int, int] | None

_DATE = re.compile(r"[0-3]?[0-9][./ -][01]?[0-9][./ -](19|20)?[0-9]{2}")
_ID_WEIGHTS = (7, 3, 1)
# Issuer prefixes and lengths; a Luhn check alone lets one number in ten pass.
_ISSUERS = (
    (re.compile(r"4"), {13, 16, 19}),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"30[0-5]|3[689]"), {14, 16}),
    (re.compile(r"6011|65|64[4-9]|622"), {16, 19}),
    (re.compile(r"35(2[89]|[3-8])"), {16, 19}),
    (re.compile(r"5[0678]|6[0-9]"), set(range(13, 20))),
)


def iban(text: str) -> Span:
    """The longest beginning that is an IBAN; words may follow it without a mark."""
    places = [place for place, character in enumerate(text) if character.isalnum()]
    compact = "".join(text[place] for place in places).upper()
    for length in range(min(34, len(compact)), 14, -1):
        if iban_number.is_valid(compact[:length], check_country=False):
            return 0, places[length - 1] + 1
    return None


def card(text: str) -> Span:
    """The first window between separators that passes an issuer's prefix, length and Luhn."""
    places = [place for place, character in enumerate(text) if character.isdigit()]
    digits = "".join(text[place] for place in places)
    for first, start in enumerate(places):
        if first and places[first - 1] == start - 1:
            continue  # not after a separator
        for length in range(min(19, len(digits) - first), 12, -1):
            last = first + length - 1
            if last + 1 < len(digits) and places[last + 1] == places[last] + 1:
                continue  # not before a separator
            if _is_card(digits[first : last + 1]):
                return start, places[last] + 1
    return None


def _is_card(digits: str) -> bool:
    return (
        len(set(digits)) > 1
        and luhn.is_valid(digits)
        and any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _ISSUERS)
    )


def ssn(text: str) -> Span:
    return (0, len(text)) if ssn_number.is_valid(text.replace(" ", "-")) else None


def tax_id(text: str) -> Span:
    """The German tax identification number."""
    return (0, len(text)) if idnr.is_valid(text.replace(" ", "")) else None


def id_card(text: str) -> Span:
    """A German identity card: nine places and a check digit by weights 7, 3, 1 (ICAO 9303)."""
    if not any(character.isdigit() for character in text[:9]):
        return None
    total = sum(
        int(character, 36) * _ID_WEIGHTS[place % 3] for place, character in enumerate(text[:9])
    )
    return (0, len(text)) if total % 10 == int(text[9]) else None


def ipv4(text: str) -> Span:
    parts = text.split(".")
    fits = all(int(part) <= 255 and (part == "0" or part[0] != "0") for part in parts)
    return (0, len(text)) if fits else None


def phone(text: str) -> Span:
    """Seven to fifteen digits (E.164) that are not a date."""
    count = sum(character.isdigit() for character in text)
    return None if not 6 <= count <= 15 or _DATE.match(text) else (0, len(text))


def with_digits(text: str) -> Span:
    return (0, len(text)) if sum(character.isdigit() for character in text) >= 4 else None


def secret(text: str) -> Span:
    """A value after “password:”, without the full stop of its sentence; plain short words are not."""
    value = text.rstrip(".)!?")
    if len(value) < 4 or (value.isalpha() and value.islower() and len(value) < 12):
        return None
    return 0, len(value)
