"""What the governed door reads before a decision and writes after it: one statement each, in one transaction."""

from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from runs.errors import ClaimLost
from runs.hot_path import ask, insert, values_of
from runs.live_run import LiveRun
from runs.models import Decision, ModelCall, RunFacts, ToolCall

# Whatever can change of the facts by a call that is allowed.
TOUCHED = frozenset(
    {
        "max_class",
        "tags",
        "tools_used",
        "destinations",
        "calls",
        "model_calls",
        "in_flight",
        "reserved_micros",
    }
)
READ = "SELECT to_jsonb(f)::text FROM runs_runfacts f WHERE f.root_run_id = %s FOR UPDATE"
HELD = """WITH held AS MATERIALIZED (
    SELECT FROM runs_runclaim WHERE run_id = %s AND token = %s AND worker_id IS NOT NULL)"""


def lock_facts(root_run_id: UUID) -> RunFacts:
    """What the tree of runs has touched so far, locked until the decision is on record."""
    row: dict[str, Any] = orjson.loads(ask(READ, [root_run_id])[0])
    return RunFacts(**row)


def write(
    live: LiveRun, decision: Decision, call: ModelCall | ToolCall | None, sofar: RunFacts
) -> None:
    """Write a decision and, where it allows, the intent of the call with what the run has touched from now on.

    Raises ClaimLost: the run was cancelled or taken up by another worker, and nothing is written.
    """
    values = [live.run_id, live.token, *values_of(decision)]
    if call is not None:
        values += [*values_of(call), *values_of(sofar, TOUCHED), sofar.root_run_id]
    (held,) = ask(_statement(type(call) if call is not None else None), values)
    if not held:
        raise ClaimLost


@lru_cache(maxsize=4)
def _statement(call: type[ModelCall | ToolCall] | None) -> str:
    parts = [HELD, insert(Decision, "held")]
    if call is not None:
        names = [field.column for field in RunFacts._meta.concrete_fields if field.name in TOUCHED]
        changes = ", ".join(f"{name} = %s" for name in names)
        parts.append(insert(call, "held"))
        parts.append(
            f"facts AS (UPDATE runs_runfacts SET {changes} FROM held WHERE root_run_id = %s)"  # noqa: S608 - our names
        )
    return ", ".join(parts) + " SELECT count(*) FROM held"  # noqa: S608 - as above
