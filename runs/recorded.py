"""What the record says of one node of a run: its latest attempt."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from runs.models.states import NodeStatus
from workflows.nodes import Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The latest attempt of a node, opened. `interrupted` is a sentence where an effect was under way."""

    execution_id: UUID
    attempt: int
    status: str
    output: Any = None
    size: int = 0
    labels: Labels = field(default_factory=Labels)
    branch: str | None = None
    error_code: str = ""
    error_sentence: str = ""
    code_before: str = ""  # how the attempt before it failed
    losses: int = 0  # attempts one after the other that lost their worker, before this one
    started_at: datetime | None = None
    due_at: datetime | None = None
    pause: Pause | None = None
    interrupted: str = ""

    @property
    def is_under_way(self) -> bool:
        return self.status in (NodeStatus.RUNNING, NodeStatus.WAITING)

    @property
    def goes_on(self) -> bool:
        """Whether it was going on after a wait."""
        return self.status == NodeStatus.RUNNING and self.pause is not None
