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
    (re.compile(r"50(18|20|38)|5893|6304|6759|676[1-3]"), set(range(13, 20))),
)
# How long an IBAN of each country is (SWIFT's registry).
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI":
    27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18,
    "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE":
    22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23,
    "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT":
    20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27,
    "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT":
    25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA":
    22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


def iban(text: str) -> Span:
    """The beginning that is an IBAN of its country; words may follow it without a mark."""
    length = _IBAN_LENGTHS.get(text[:2].upper())
    if length is None:
        return None
    places = [place for place, character in enumerate(text) if character.isalnum()][:length]
    compact = "".join(text[place] for place in places)
    if len(compact) < length or not iban_number.is_valid(compact, check_country=False):
        return None
    return 0, places[-1] + 1


def card(text: str) -> Span:
    """The longest beginning up to a separator that passes an issuer's prefix, length and Luhn."""
    places = [place for place, character in enumerate(text) if character.isdigit()]
    digits = "".join(text[place] for place in places)
    lengths = {length for prefix, allowed in _ISSUERS if prefix.match(digits) for length in allowed}
    for length in sorted(lengths, reverse=True):
        ends_at_separator = length == len(digits) or (
            length < len(digits) and places[length] > places[length - 1] + 1
        )
        if ends_at_separator and len(set(digits[:length])) > 1 and luhn.is_valid(digits[:length]):
            return 0, places[length - 1] + 1
    return None


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
    value = text.rstrip(".)")
    if len(value) < 4 or (value.isalpha() and value.islower() and len(value) < 12):
        return None
    return 0, len(value)
