"""The hot path of a start: one statement reads the terms, one writes all that a run begins with.

Its functions are in runs/migrations/start.sql.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import orjson
from django.db import models

from runs.hot_path import ask, insert, mark_saved, values_of
from runs.models import Run, RunClaim, RunFacts
from tenancy.models import LedgerEntry

READ_TERMS = """
SELECT (SELECT s.state FROM workflows_versionstatus s WHERE s.version_id = v.id ORDER BY s.number DESC LIMIT 1),
       w.disposed_at IS NOT NULL, p.id, p.number, p.digest, grove_quota_in_the_way(%s),
       (SELECT g.block_overdue FROM workflows_governancerules g ORDER BY g.number DESC LIMIT 1)
FROM workflows_workflowversion v
JOIN workflows_workflow w ON w.id = v.workflow_id
LEFT JOIN compliance_policysnapshot p
    ON p.id = (SELECT a.snapshot_id FROM compliance_policyactivation a ORDER BY a.number DESC LIMIT 1)
WHERE v.id = %s
"""
BEGUN_WITH: tuple[type[models.Model], ...] = (Run, RunFacts, RunClaim, LedgerEntry)

Refusal = dict[str, Any]  # quota, used, limit; and, as far as it has them, period and currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The policy in force, as a manifest names it."""

    id: UUID
    number: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what a version would be started now. `refusal` is a quota that is used up.

    `needs_sign_off`: the rules refuse runs of what is not signed as it stands.
    """

    state: str
    is_disposed: bool
    snapshot: Snapshot | None
    refusal: Refusal | None
    needs_sign_off: bool


def read_terms(version_id: UUID, *, at: datetime) -> Terms | None:
    """None for a version that is not there."""
    row = ask(READ_TERMS, (at, version_id))
    if row is None:
        return None
    state, is_disposed, snapshot_id, number, digest, refusal, needs_sign_off = row
    return Terms(
        state=state or "",
        is_disposed=is_disposed,
        snapshot=snapshot_id and Snapshot(id=snapshot_id, number=number, digest=digest),
        refusal=_to_refusal(refusal),
        needs_sign_off=bool(needs_sign_off),
    )


def write(run: Run, facts: RunFacts, entry: LedgerEntry) -> Refusal | None:
    """Write these and the run's claim, none of which is saved yet, if there is a place for one more run of the tenant.

    Raises IntegrityError for an idempotency key that is taken.
    """
    claim = RunClaim(run_id=run.pk, tenant_id=run.tenant_id)
    values: list[Any] = [run.created_at]
    for row in (run, facts, claim, entry):  # in the order of BEGUN_WITH
        values += values_of(row)
    (refusal,) = ask(_statement(), values)
    mark_saved(run)
    return _to_refusal(refusal)


def _to_refusal(text: str | None) -> Refusal | None:
    return None if text is None else cast("Refusal", orjson.loads(text))


@lru_cache(maxsize=1)
def _statement() -> str:
    """The place is taken first; without one nothing is inserted. Made from the models, so that it keeps up."""
    inserts = ", ".join(insert(model, "place WHERE refusal IS NULL") for model in BEGUN_WITH)
    place = "place AS MATERIALIZED (SELECT grove_take_place(%s) AS refusal)"
    return f"WITH {place}, {inserts} SELECT refusal FROM place"  # noqa: S608 - names of our own models
