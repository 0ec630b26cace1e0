"""What each tool declares of itself: its arguments, its effect, whether it may be repeated. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Arguments = Mapping[str, Any]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READING: Final = frozenset({"GET", "HEAD"})  # safe in the sense of RFC 9110, 9.2.1
MAX_URL = 4000
KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,299}$"
STORE_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"


class Effect(StrEnum):
    """What a call does to the world."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One tool, as definitions and policies know it.

    `content` names the arguments that hold content, which a policy may have masked. `effect` says what a call with
    these arguments does; `repeatable` whether the tool itself sees to it that doing it twice is doing it once.
    `reversible` tells that what it writes can be taken back.
    """

    name: str
    title: str
    sentence: str
    schema: Mapping[str, Any]
    content: frozenset[str]
    effect: Callable[[Arguments], Effect]
    repeatable: bool = False
    reversible: bool = False


def _schema(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _effect_of_request(arguments: Arguments) -> Effect:
    return Effect.READ if arguments.get("method", "GET") in READING else Effect.WRITE


HTTP_REQUEST: Final = Declaration(
    name="http_request",
    title="HTTP request",
    sentence="Asks a host that is among the destinations of this tenant.",
    schema=_schema(
        ["url"],
        method={"type": "string", "enum": list(METHODS)},
        url={"type": "string", "minLength": 1, "maxLength": MAX_URL},
        headers={
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 4000},
            "maxProperties": 50,
        },
        json={},
        text={"type": "string"},
        accept={
            "type": "array",
            "items": {"type": "integer", "minimum": 200, "maximum": 599},
            "maxItems": 50,
            "description": "Statuses that are an answer. Without it: 200 to 299.",
        },
    ),
    content=frozenset({"url", "headers", "json", "text"}),
    effect=_effect_of_request,
)
STORE_READ: Final = Declaration(
    name="store_read",
    title="Read an object",
    sentence="Reads the newest or a named version of an object in a storage profile.",
    schema=_schema(
        ["store", "key"],
        store={"type": "string", "pattern": STORE_PATTERN},
        key={"type": "string", "pattern": KEY_PATTERN},
        version={"type": "integer", "minimum": 1},
    ),
    content=frozenset(),
    effect=lambda _arguments: Effect.READ,
    repeatable=True,
)
STORE_WRITE: Final = Declaration(
    name="store_write",
    title="Write an object",
    sentence="Writes a new version of an object in a storage profile; earlier ones stay.",
    schema=_schema(
        ["store", "key"],
        store={"type": "string", "pattern": STORE_PATTERN},
        key={"type": "string", "pattern": KEY_PATTERN},
        json={},
        text={"type": "string"},
    ),
    content=frozenset({"json", "text"}),
    effect=lambda _arguments: Effect.WRITE,
    repeatable=True,  # the call's key makes one version, however often it comes
    reversible=True,
)
DECLARED: Final[Mapping[str, Declaration]] = {
    each.name: each for each in (HTTP_REQUEST, STORE_READ, STORE_WRITE)
}
