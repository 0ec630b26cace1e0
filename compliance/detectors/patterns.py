"""The detectors: one pattern on RE2 and, where there is one, a checksum. Pure.

RE2 has no look-around, so a detector says itself what may stand beside a match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import re2

from compliance.detectors import checks
from compliance.errors import DetectionFailed

_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_DIGITS = frozenset(b"0123456789")
_NONE: frozenset[int] = frozenset()
MAX_CANDIDATES = 300_000  # of one detector in one text: some seconds

Narrow = Callable[[str], tuple[int, int] | None]


def whole(text: str) -> tuple[int, int]:
    """Every match counts, all of it."""
    return 0, len(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One kind of thing and how it looks. `narrow` says which part of a match is real, if any."""

    kind: str
    pattern: Any
    narrow: Narrow = whole
    beside: frozenset[int] = _WORD  # bytes that may not stand directly beside it
    shortens: bool = False  # a match may have run on into the next number

    def spans(self, content: bytes) -> Iterator[tuple[int, int]]:
        """Where it is. After a match that is none, the search goes on where one may begin."""
        position = candidates = 0
        while match := self.pattern.search(content, position):
            candidates += 1
            if candidates > MAX_CANDIDATES:
                raise DetectionFailed("The text holds too many numbers to judge each. It is held.")
            group = 1 if match.re.groups else 0
            span = self._real_span(content, *match.span(group))
            if span is not None:
                yield span
                position = max(span[1], match.start() + 1)
            else:
                position = self._next_beginning(content, match.start() + 1)

    def _real_span(self, content: bytes, start: int, end: int) -> tuple[int, int] | None:
        while end > start:
            narrowed = self.narrow(content[start:end].decode("ascii"))
            if narrowed is not None:
                begin, stop = start + narrowed[0], start + narrowed[1]
                if self._stands_alone(content, begin, stop):
                    return begin, stop
            if not self.shortens:
                return None
            end = _last_separator(content, start, end)
        return None

    def _next_beginning(self, content: bytes, position: int) -> int:
        while position < len(content) and content[position - 1] in self.beside:
            position += 1
        return position

    def _stands_alone(self, content: bytes, start: int, end: int) -> bool:
        before = content[start - 1] if start else 32
        after = content[end] if end < len(content) else 32
        return before not in self.beside and after not in self.beside


def _last_separator(content: bytes, start: int, end: int) -> int:
    """Where the separators before the last group of letters and digits begin."""
    while end > start and content[end - 1] in _WORD:
        end -= 1
    while end > start and content[end - 1] not in _WORD:
        end -= 1
    return end


def _written(detectors: Iterable[Detector]) -> Iterator[bytes]:
    for detector in detectors:
        pattern = detector.pattern.pattern
        yield pattern if isinstance(pattern, bytes) else pattern.encode()


def _compiled(*patterns: str) -> Any:
    return re2.compile("|".join(patterns).encode("ascii"))


_DATE = (
    r"(?:[0-3]?[0-9][./-] ?[01]?[0-9][./-] ?(?:19|20)?[0-9]{2}"
    r"|(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]"
    r"|[0-3]?[0-9](?:st|nd|rd|th|\.)? (?:of )?[A-Za-z]{3,9}\.?,? (?:19|20)[0-9]{2}"
    r"|[A-Za-z]{3,9}\.? [0-3]?[0-9](?:st|nd|rd|th)?,? (?:19|20)[0-9]{2})"
)
_BORN = (
    r"(?:born(?: on)?|birth ?date|date of birth|birthday|d\.?o\.?b\.?"
    r"|geboren(?: am)?|geb\.(?: am)?|geburtsdatum|geburtstag)"
)
_GAP = r"[ \t]{0,3}(?:is|was|ist|war|[:=#-])?[ \t\"']{0,3}"

DETECTORS: tuple[Detector, ...] = (
    Detector(
        kind="PRIVATE_KEY",
        pattern=re2.compile(
            rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[A-Za-z0-9+/=:,\s\\]|-[A-Za-z])*"
            rb"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
        ),
        beside=_NONE,
    ),
    Detector(
        kind="API_KEY",
        pattern=_compiled(
            r"sk-[A-Za-z0-9_-]{16,200}",
            r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,200}",
            r"gh[pousr]_[A-Za-z0-9]{20,255}",
            r"github_pat_[A-Za-z0-9_]{20,255}",
            r"glpat-[A-Za-z0-9_-]{16,100}",
            r"(?:AKIA|ASIA)[A-Z0-9]{16}",
            r"AIza[A-Za-z0-9_-]{35}",
            r"xox[abeoprs]-[A-Za-z0-9-]{10,250}",
            r"hvs\.[A-Za-z0-9_-]{20,200}",
            r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
        ),
    ),
    Detector(
        kind="PASSWORD",
        pattern=re2.compile(
            rb"(?i)(?:pass(?:word|wort|phrase|code)|kennwort|pwd|api[_ -]?key|secret(?:[_ -]?key)?"
            rb"|access[_ -]?token|auth[_ -]?token|bearer)[\"']?[ \t]{0,2}"
            rb"(?:[:=]|is:|lautet:?|ist:?|is)[ \t]{0,2}[\"']?([^\s\[\"',;{}]{4,200})"
        ),
        narrow=checks.secret,
        beside=_NONE,
    ),
    Detector(
        kind="EMAIL",
        pattern=_compiled(
            r"[A-Za-z0-9](?:[A-Za-z0-9._%+'-]{0,63})@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.)+[A-Za-z]{2,24}"
        ),
        beside=frozenset(b"@"),
    ),
    Detector(
        kind="IBAN",
        pattern=_compiled(r"[A-Za-z]{2}[ ]?[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}"),
        narrow=checks.iban,
    ),
    Detector(
        kind="CARD",
        pattern=_compiled(r"[2-6](?:[ -]?[0-9]){12,19}"),
        narrow=checks.card,
        beside=_DIGITS,
    ),
    Detector(
        kind="SSN",
        pattern=_compiled(r"[0-9]{3}-[0-9]{2}-[0-9]{4}", r"[0-9]{3} [0-9]{2} [0-9]{4}"),
        narrow=checks.ssn,
    ),
    Detector(
        kind="SSN",
        pattern=re2.compile(
            rb"(?i)(?:ssn|social security(?: number| no\.?)?)" + _GAP.encode() + rb"([0-9]{9})"
        ),
        narrow=checks.ssn,
    ),
    Detector(
        kind="TAX_ID",
        pattern=_compiled(r"[1-9][0-9](?: ?[0-9]{3}){3}", r"[1-9][0-9]{2} [0-9]{4} [0-9]{4}"),
        narrow=checks.tax_id,
    ),
    Detector(
        kind="ID_CARD",
        pattern=_compiled(r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}[0-9]"),
        narrow=checks.id_card,
    ),
    Detector(
        kind="DATE_OF_BIRTH",
        pattern=re2.compile(f"(?i){_BORN}{_GAP}({_DATE})".encode()),
    ),
    Detector(
        kind="DATE_OF_BIRTH",
        pattern=re2.compile(f"(?i)\\*[ ]?({_DATE})".encode()),
    ),
    Detector(
        kind="MRN",
        pattern=re2.compile(
            rb"(?i)(?:MRN|medical record(?: number| no\.?)?|patient(?: id| no\.?| number)"
            rb"|patienten-?(?:nummer|nr\.?|id)|fallnummer)[ \t]{0,2}[:=#-]?[ \t#]{0,3}"
            rb"([A-Z0-9](?:[A-Z0-9/-]{3,14})[0-9])"
        ),
        narrow=checks.with_digits,
    ),
    Detector(
        kind="IP_ADDRESS",
        pattern=_compiled(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"),
        narrow=checks.ipv4,
    ),
    Detector(
        kind="PHONE",
        pattern=_compiled(
            r"(?:\+|00)[1-9](?:[ ./()-]{0,3}[0-9]){6,14}",
            r"\(?0[1-9][0-9]{0,4}\)?(?:[ ]?[/-][ ]?|[ ])[0-9](?:[ -]?[0-9]){3,10}",
            r"01[567][0-9]{8,9}",
            r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[.-])[0-9]{3}[. -][0-9]{4}",
        ),
        narrow=checks.phone,
        shortens=True,
        beside=_WORD | frozenset(b"/"),
    ),
    Detector(
        kind="PHONE",
        pattern=re2.compile(
            rb"(?i)(?:phone|telephone|tel|telefon|mobile?|handy|cell|fax|call(?: me)?(?: on| at)?)"
            rb"(?: number| no\.?|nummer|\.)?"
            + _GAP.encode()
            + rb"(\+?[0-9(](?:[ ./()-]{0,2}[0-9]){5,14})"
        ),
        narrow=checks.phone,
        shortens=True,
    ),
)

# Matches wherever one of them does, judged by its pattern alone. For short texts: what RE2 keeps of a search grows with
# the pattern, and of all of them together it would start anew again and again.
ANY = re2.compile(b"|".join(b"(?:%s)" % pattern for pattern in _written(DETECTORS)))
