"""The permit: without one nothing that reaches the world can be called. Values only."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Proof that a decision was recorded before the act. Made in runs/governed.py and nowhere else."""

    decision_id: UUID
    call_id: UUID
