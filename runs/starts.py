"""The hot path of a start: one statement reads the terms, one writes all that a run begins with.

Beside checkpoint.py the only module of this floor that goes around the ORM; its SQL is runs/migrations/start.sql.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import orjson
from django.db import DEFAULT_DB_ALIAS, connection, models

from runs.models import Run, RunClaim, RunFacts
from tenancy.models import LedgerEntry
from tenancy.pgbackend.base import DatabaseWrapper

READ_TERMS = """
SELECT (SELECT s.state FROM workflows_versionstatus s WHERE s.version_id = v.id ORDER BY s.number DESC LIMIT 1),
       w.disposed_at IS NOT NULL, p.id, p.number, p.digest, grove_quota_in_the_way(%s)
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
    """On what a version would be started now. `refusal` is a quota that is used up."""

    state: str
    is_disposed: bool
    snapshot: Snapshot | None
    refusal: Refusal | None


def read_terms(version_id: UUID, *, at: datetime) -> Terms | None:
    """None for a version that is not there."""
    row = _ask(READ_TERMS, (at, version_id))
    if row is None:
        return None
    state, is_disposed, snapshot_id, number, digest, refusal = row
    return Terms(
        state=state or "",
        is_disposed=is_disposed,
        snapshot=snapshot_id and Snapshot(id=snapshot_id, number=number, digest=digest),
        refusal=_to_refusal(refusal),
    )


def write(run: Run, facts: RunFacts, entry: LedgerEntry) -> Refusal | None:
    """Write these and the run's claim, none of which is saved yet, if there is a place for one more run of the tenant.

    Raises IntegrityError for an idempotency key that is taken.
    """
    claim = RunClaim(run_id=run.pk, tenant_id=run.tenant_id)
    values: list[Any] = [run.created_at]
    for model, row in zip(BEGUN_WITH, (run, facts, claim, entry), strict=True):
        values += [
            field.get_db_prep_save(field.pre_save(row, add=True), connection)
            for field in _columns(model)
        ]
    (refusal,) = _ask(_statement(), values)
    run._state.adding, run._state.db = False, DEFAULT_DB_ALIAS  # as save() leaves it
    return _to_refusal(refusal)


def _to_refusal(text: str | None) -> Refusal | None:
    return None if text is None else cast("Refusal", orjson.loads(text))


@lru_cache(maxsize=1)
def _statement() -> str:
    """The place is taken first; without one nothing is inserted. Made from the models, so that it keeps up."""
    inserts = ", ".join(_insert(model) for model in BEGUN_WITH)
    place = "place AS MATERIALIZED (SELECT grove_take_place(%s) AS refusal)"
    return f"WITH {place}, {inserts} SELECT refusal FROM place"  # noqa: S608 - as below


def _insert(model: type[models.Model]) -> str:
    names = ", ".join(str(field.column) for field in _columns(model))
    values = ", ".join(f"%s::{_type_of(field)}" for field in _columns(model))
    table, of_model = model._meta.db_table, model._meta.model_name
    return (
        f"{of_model} AS (INSERT INTO {table} ({names}) "  # noqa: S608 - names of our own models
        f"SELECT {values} FROM place WHERE refusal IS NULL)"
    )


@lru_cache(maxsize=len(BEGUN_WITH))
def _columns(model: type[models.Model]) -> "Sequence[models.Field[Any, Any]]":
    """What the database does not fill in by itself; the tenant is named all the same."""
    fields = model._meta.concrete_fields
    return [field for field in fields if field.name == "tenant" or not field.has_db_default()]


def _type_of(field: "models.Field[Any, Any]") -> str:
    """Without its length: a cast would cut what is too long in silence, an insert refuses it."""
    return str(field.db_type(connection)).split("(")[0]


def _ask(statement: str, values: Sequence[Any]) -> Any:
    wrapper = cast(DatabaseWrapper, connection)
    with wrapper.wrap_database_errors, wrapper.server_cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()
