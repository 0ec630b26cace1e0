"""What became of tool calls, for the wave's commit: values, without a database."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runs.checkpoint import Row, RunWave
from runs.settled import Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettlement(Settled):
    """`digest` is keyed, `labels` are those of the answer."""

    digest: str = ""
    labels: dict[str, Any] | None = None


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
