"""What became of tool calls, for the wave's commit: values, without a database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.utils.timezone import now

from runs.checkpoint import Row, RunWave
from runs.models import CallStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettlement:
    """`response` is sealed; `digest` is keyed, `labels` are those of the answer."""

    call_id: UUID
    status: str
    finished_at: datetime
    response: bytes | None = None
    digest: str = ""
    labels: dict[str, Any] | None = None
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


def to_row(settled: ToolSettlement, run_id: UUID, wave: RunWave) -> Row:
    """The row of a wave, as grove_settle_tools reads it."""
    return {
        "id": settled.call_id,
        "run": run_id,
        "status": settled.status,
        "finished_at": settled.finished_at,
        "payload": wave.keep(settled.response),
        "digest": settled.digest,
        "labels": settled.labels,
        "error_kind": settled.error_kind,
        "error_sentence": settled.error_sentence,
    }
