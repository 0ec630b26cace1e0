"""The permit: without one nothing that reaches the world can be called. Values only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID


def at_once() -> None:
    """Nothing has to be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Proof that a decision was recorded before the act. Made in runs/governed.py and nowhere else.

    Where the record is just being written, everything may be made ready with it; `leave` is called before the first
    byte leaves, returns once the record stands, and raises where it will not.
    """

    decision_id: UUID
    call_id: UUID
    leave: Callable[[], None] = field(default=at_once, compare=False)
