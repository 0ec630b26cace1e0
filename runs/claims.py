"""Claims: which worker holds which run. PostgreSQL chooses; a token fences off whoever was chosen before.

A worker process is alive while it holds its advisory lock (or, behind a transaction pooler, while its heartbeat is
young). The tables hold ids only and know no tenant.
"""

import os
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, models
from django.utils.timezone import now

from runs.models import RunClaim, Worker
from tenancy.models import Tenant
from tenancy.pgbackend.base import DatabaseWrapper
from tenancy.pgbackend.straight import TEXT, Statement

LOCK_CLASS = 0x67726F76  # "grov": the first half of our advisory lock numbers
HUNG_AFTER_SECONDS = 15
PAUSE = timedelta(seconds=5)

# Its tenant comes with each: without it nothing of a run can be read. See runs/migrations/claim.sql.
CLAIM = """
SELECT c.run, c.new_token, c.workers_lost, {of_tenant}
FROM grove_claim($1, $2) AS c JOIN tenancy_tenant t ON t.id = c.tenant
"""

BURY = """
DELETE FROM runs_worker w
WHERE w.heartbeat_at < clock_timestamp() - make_interval(secs => %s)
   OR w.holds_lock AND NOT EXISTS (
        SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory'
          AND l.classid = %s AND l.objid = w.number::oid AND l.objsubid = 2)
RETURNING w.id
"""

FREE = """
UPDATE runs_runclaim SET worker_id = NULL, losses = losses + 1
WHERE run_id IN (
    SELECT run_id FROM runs_runclaim c WHERE worker_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM runs_worker w WHERE w.id = c.worker_id)
    FOR UPDATE SKIP LOCKED)
RETURNING run_id, tenant_id
"""


# A claim that somebody holds locked just now is asked for again a moment later.
TAKE_SIGNALS = """
UPDATE runs_runclaim SET signalled = false WHERE run_id IN (
    SELECT run_id FROM runs_runclaim WHERE worker_id = %s AND signalled FOR UPDATE SKIP LOCKED)
RETURNING run_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to move one run forward. `losses` counts workers lost since the run last came forward."""

    run_id: UUID
    tenant: Tenant
    token: int
    losses: int


def claim_waiting(*, worker: Worker, limit: int) -> list[Claim]:
    """Claim up to `limit` runs that wait for a worker, oldest first. Two workers never get the same one.

    Runs of a tenant that is suspended wait until it is restored; of one with a quota of runs under way, as many are
    held by workers as it says, child runs among them, and the others wait for a place.
    """
    claim, columns = _claim()
    won = cast(DatabaseWrapper, connection).ask(claim, str(worker.pk).encode(), b"%d" % limit)
    return [
        Claim(
            run_id=run,
            tenant=Tenant.from_db(DEFAULT_DB_ALIAS, columns, tenant),
            token=token,
            losses=losses,
        )
        for run, token, losses, *tenant in sorted(won)
    ]


@cache
def _claim() -> tuple[Statement, list[str]]:
    """The statement, and what it says of tenants."""
    fields = Tenant._meta.concrete_fields
    named = CLAIM.format(of_tenant=", ".join(f"t.{field.column}" for field in fields))
    statement = Statement(named.encode(), (TEXT, TEXT), rows=True)
    return statement, [field.attname for field in fields]


def signal(run_id: UUID) -> None:
    """Something that this run waits for has come: its worker is told, or one takes it up."""
    RunClaim.objects.filter(run_id=run_id).update(wanted=True, signalled=True, not_before=None)


def lock(run_ids: Collection[UUID]) -> None:
    """Lock these claims until the end of the transaction: all that locks several of them does so in this order."""
    if not run_ids:
        return
    claims = RunClaim.objects.select_for_update().filter(run_id__in=run_ids).order_by("run_id")
    list(claims.values_list("run_id"))


def held_by(*, worker: Worker) -> set[UUID]:
    """The runs of which the claim is this worker's."""
    held = RunClaim.objects.filter(worker_id=worker.pk)
    return set(held.values_list("run_id", flat=True))


def take_signals(*, worker: Worker) -> list[UUID]:
    """The runs of this worker for which something has come since it asked last."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_SIGNALS, [worker.pk])
        return [run_id for (run_id,) in cursor.fetchall()]


def free_lost() -> list[tuple[UUID, UUID]]:
    """Bury workers that are gone or hung, and free what they held. Returns (run, tenant) of each freed claim."""
    with connection.cursor() as cursor:
        cursor.execute(BURY, [HUNG_AFTER_SECONDS, LOCK_CLASS])
        cursor.execute(FREE)
        return list(cursor.fetchall())


def free_unheld(*, worker: Worker, held: list[UUID]) -> None:
    """Free what this worker claimed but does not hold: it failed to take it up, or let it go."""
    RunClaim.objects.filter(worker_id=worker.pk).exclude(run_id__in=held).update(
        worker_id=None, losses=models.F("losses") + 1
    )


def give_back(claim: Claim) -> None:
    """Let a claim go that could not be used. Nothing was lost with it; others come first for a while."""
    RunClaim.objects.filter(run_id=claim.run_id, token=claim.token).update(
        worker_id=None, not_before=now() + PAUSE
    )


def let_rest(claim: Claim) -> None:
    """Let go of a run that has ended: nothing in it is wanted any more."""
    RunClaim.objects.filter(run_id=claim.run_id, token=claim.token).update(
        worker_id=None, wanted=False
    )


def release_all(*, worker: Worker) -> None:
    """A worker that stops in good order gives its runs back at once."""
    RunClaim.objects.filter(worker_id=worker.pk).update(worker_id=None)
    Worker.objects.filter(pk=worker.pk).delete()


def beat(*, worker: Worker) -> bool:
    """Say that this worker lives. False: it was taken for dead, and must register anew."""
    return Worker.objects.filter(pk=worker.pk).update(heartbeat_at=now()) == 1


def register() -> tuple[Worker, psycopg.Connection[Any] | None]:
    """Enter this process as a worker. The connection holds its advisory lock: keep it open."""
    number = secrets.randbelow(2**31 - 1) + 1
    lifeline = None if settings.RLS_LOCAL else _lock(number)
    try:
        worker = Worker.objects.create(
            number=number,
            holds_lock=lifeline is not None,
            host=socket.gethostname()[:100],
            pid=os.getpid(),
            started_at=now(),
            heartbeat_at=now(),
        )
    except DatabaseError:
        if lifeline:
            lifeline.close()
        raise
    return worker, lifeline


def _lock(number: int) -> psycopg.Connection[Any]:
    """A connection of its own, outside the pool: its lock ends when this process does."""
    database = connection.settings_dict
    lifeline = psycopg.connect(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"],
        autocommit=True,
        application_name="grove worker",
        keepalives_idle=5,
    )
    lifeline.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_CLASS, number))
    return lifeline
