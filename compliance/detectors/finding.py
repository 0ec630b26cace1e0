"""What can be found, and which tag a value carries that holds it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Finding:
    """One identifier: its kind and where it stands, in characters, end excluded."""

    kind: str
    start: int
    end: int


TAG_OF: Mapping[str, str] = MappingProxyType(
    {
        "API_KEY": "SECRET",
        "PRIVATE_KEY": "SECRET",
        "PASSWORD": "SECRET",
        "EMAIL": "PII",
        "IBAN": "PII",
        "CARD": "PCI",
        "SSN": "PII",
        "TAX_ID": "PII",
        "ID_CARD": "PII",
        "DATE_OF_BIRTH": "PII",
        "MRN": "PHI",
        "IP_ADDRESS": "PII",
        "PHONE": "PII",
    }
)
KINDS = frozenset(TAG_OF)

# Tags of which every value has a form that a pattern knows. Personal data is also a name, health
# data also a diagnosis, a secret also a PIN said in words: no mask by patterns may clear those.
_CLEARABLE = frozenset({"PCI"})


def tags_covered_by(kinds: Iterable[str]) -> frozenset[str]:
    """The tags of which all kinds that we can find are among these."""
    looked_for = frozenset(kinds)
    return frozenset(
        tag
        for tag in set(TAG_OF.values())
        if all(kind in looked_for for kind, its_tag in TAG_OF.items() if its_tag == tag)
    )


def tags_cleared_by(kinds: Iterable[str]) -> frozenset[str]:
    """The tags that a text no longer carries once these kinds are masked in it."""
    return tags_covered_by(kinds) & _CLEARABLE
