"""What a node's attempt brings back to the executor: values, without a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from runs.checkpoint import Row
from runs.payloads import Sealed
from runs.settled import Settled
from runs.tool_settlements import ToolSettlement
from workflows.nodes import Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement(Settled):
    """What became of a model call, for the wave's commit."""

    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An output, a pause, or an error with a code and a sentence. `node_id` is the path of the instance."""

    node_id: str
    execution_id: UUID
    finished_at: datetime
    output: Any = None
    sealed: Sealed | None = None
    labels: Labels | None = None
    branch: str | None = None
    went_on: bool = False  # the child run that it waited for had errors that were not critical
    pause: Pause | None = None
    error_code: str = ""
    error_sentence: str = ""
    settlements: tuple[Settlement, ...] = ()
    tool_settlements: tuple[ToolSettlement, ...] = ()
    events: tuple[Row, ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.error_code)


def used(settlements: Sequence[Settlement]) -> Row:
    """Model, tokens and micro-units of money of these calls, as columns."""
    return {
        "model": next((call.model for call in reversed(settlements) if call.model), ""),
        "tokens_in": sum(call.tokens_in for call in settlements),
        "tokens_out": sum(call.tokens_out for call in settlements),
        "cost_micros": sum(call.cost_micros for call in settlements),
    }
