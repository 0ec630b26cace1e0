"""Which providers a person asks to see: four filters, as an address has them and as a kept view writes them. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

from compliance.labels import DataClass

NAMES: Final = ("q", "state", "region", "class")
STATES: Final = ("healthy", "failing", "resting", "trial", "idle", "disabled")
CLASSES: Final = tuple(str(int(each)) for each in DataClass if each)
LONGEST: Final = 2000


def of(given: Mapping[str, str]) -> dict[str, str]:
    """The filters among what an address gives; what is not asked is empty."""
    return {name: given.get(name, "").strip() for name in NAMES}


def to_text(asked: Mapping[str, str]) -> str:
    """As a view keeps it: only what is asked, always in the same order."""
    return urlencode([(name, asked[name]) for name in NAMES if asked.get(name)])


def parse(text: str) -> tuple[str, list[str]]:
    """A view's question as it is kept, and what is wrong with it, each with its remedy."""
    if len(text) > LONGEST:
        return "", [f"The question is longer than {LONGEST} signs."]
    given = dict(parse_qsl(text.strip().lstrip("?"), keep_blank_values=True))
    asked = of(given)
    problems = [
        f"“{name}” is no filter of providers. Use {', '.join(NAMES)}."
        for name in given
        if name not in NAMES
    ]
    if asked["state"] not in ("", *STATES):
        problems.append(f"“{asked['state']}” is no state. Use {', '.join(STATES)}.")
    if asked["class"] and asked["class"] not in CLASSES:
        problems.append(f"“{asked['class']}” is no data class. Use {', '.join(CLASSES)}.")
    return to_text(asked), problems


def fits(
    asked: Mapping[str, str], *, named: str, state: str, region: str, clearance: int | None
) -> bool:
    """Is this provider among what is asked for? `class`: one that handles at least that."""
    level = int(asked["class"]) if asked["class"].isdecimal() else 0
    return (
        asked["q"].lower() in named.lower()
        and asked["state"] in ("", state)
        and asked["region"] in ("", region)
        and (not level or (clearance or 0) >= level)
    )
