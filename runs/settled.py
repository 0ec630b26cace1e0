"""What became of a call, of a model or of a tool: what both kinds have in common."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.utils.timezone import now

from runs.models import CallStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`response` is the sealed answer, where there is one."""

    call_id: UUID
    status: str
    finished_at: datetime
    response: bytes | None = None
    error_kind: str = ""
    error_sentence: str = ""

    @classmethod
    def failed(cls, call_id: UUID, kind: str, sentence: str) -> Self:
        """It came to nothing, just now."""
        return cls(
            call_id=call_id,
            status=CallStatus.FAILED.value,
            finished_at=now(),
            error_kind=str(kind),
            error_sentence=sentence,
        )
