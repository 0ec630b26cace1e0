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
    entry[:2]: int(entry[2:])
    for entry in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
        "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
        "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
        "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
        "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
    ).split()
}


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
