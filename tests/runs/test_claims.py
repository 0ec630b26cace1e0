"""Claims: one worker per run, and what becomes of those of a worker that is gone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.test import override_settings
from django.utils.timezone import now

from runs import claims
from runs.models import Run, RunClaim, Worker
from tenancy import actors, quotas
from tenancy.context import tenant_context
from tenancy.models import Tenant, TenantStatus
from tenancy.quotas import Limits
from tests.runs import definitions
from tests.runs.making import in_threads, make_run, make_version, wait_until
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def _nobody_else() -> None:
    """The tables know no tenant: what other tests left behind is out of the way."""
    RunClaim.objects.update(wanted=False, worker_id=None)
    Worker.objects.all().delete()


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker, lifeline = claims.register()
    assert lifeline is not None
    with lifeline:
        yield worker


@pytest.fixture
def run(chain: WorkflowVersion) -> Run:
    return make_run(chain)


def hold(worker: Worker, run: Run) -> claims.Claim:
    (claim,) = claims.claim_waiting(worker=worker, limit=10)
    assert claim.run_id == run.pk
    return claim


def die(worker: Worker, lifeline: psycopg.Connection[Any]) -> None:
    """As when a process dies: its connection closes, and a moment later the server lets its lock go."""
    lifeline.close()
    wait_until(lambda: not _is_locked(worker))


def _is_locked(worker: Worker) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s",
            [claims.LOCK_CLASS, worker.number],
        )
        return cursor.fetchone() is not None


def claim_of(run: Run) -> RunClaim:
    return RunClaim.objects.get(run_id=run.pk)


def freed() -> set[UUID]:
    return {run_id for run_id, _ in claims.free_lost()}


# -- claim ------------------------------------------------------------------------------------------------------------


def test_a_claim_gives_the_run_its_tenant_and_a_new_token(worker: Worker, run: Run) -> None:
    claim = hold(worker, run)

    assert (claim.tenant, claim.token, claim.losses) == (run.tenant, 1, 0)
    assert claim_of(run).worker_id == worker.pk
    assert claims.claim_waiting(worker=worker, limit=10) == []


def test_oldest_runs_come_first_and_no_more_than_asked_for(
    worker: Worker, chain: WorkflowVersion
) -> None:
    runs = [make_run(chain).pk for _ in range(5)]

    won = [claim.run_id for claim in claims.claim_waiting(worker=worker, limit=3)]

    assert won == runs[:3]


def test_two_workers_never_get_the_same_run(chain: WorkflowVersion) -> None:
    for _ in range(20):
        make_run(chain)
    registered = [claims.register() for _ in range(8)]

    def act(number: int) -> list[UUID]:
        won: list[UUID] = []
        while more := claims.claim_waiting(worker=registered[number][0], limit=2):
            won += [claim.run_id for claim in more]
        return won

    won = in_threads(8, act)

    for _, lifeline in registered:
        assert lifeline is not None
        lifeline.close()
    everything = [run_id for one in won for run_id in one]
    assert len(everything) == len(set(everything)) == 20


def test_a_run_that_is_not_wanted_is_not_claimed(worker: Worker, run: Run) -> None:
    RunClaim.objects.filter(run_id=run.pk).update(wanted=False)

    assert claims.claim_waiting(worker=worker, limit=10) == []


# -- who lives --------------------------------------------------------------------------------------------------------


def test_runs_of_a_suspended_tenant_wait_until_it_is_restored(worker: Worker, run: Run) -> None:
    tenant = Tenant.objects.filter(pk=run.tenant_id)
    tenant.update(status=TenantStatus.SUSPENDED)

    assert claims.claim_waiting(worker=worker, limit=10) == []

    tenant.update(status=TenantStatus.ACTIVE)
    assert hold(worker, run).tenant == run.tenant


def test_a_living_worker_keeps_its_runs(worker: Worker, run: Run) -> None:
    hold(worker, run)

    assert freed() == set()
    assert Worker.objects.filter(pk=worker.pk).exists()


def test_a_worker_whose_lock_is_gone_loses_its_runs_at_once(run: Run) -> None:
    worker, lifeline = claims.register()
    hold(worker, run)
    assert lifeline is not None

    die(worker, lifeline)

    assert freed() == {run.pk}
    claim = claim_of(run)
    assert (claim.worker_id, claim.wanted, claim.losses) == (None, True, 1)
    assert not Worker.objects.filter(pk=worker.pk).exists()
    assert freed() == set()


def test_a_worker_that_hangs_is_found_by_its_heartbeat(worker: Worker, run: Run) -> None:
    hold(worker, run)
    old = now() - timedelta(seconds=claims.HUNG_AFTER_SECONDS + 1)
    Worker.objects.filter(pk=worker.pk).update(heartbeat_at=old)

    assert freed() == {run.pk}
    assert not claims.beat(worker=worker)  # so it learns that it was taken for dead


def test_a_beat_keeps_a_slow_worker_alive(worker: Worker, run: Run) -> None:
    hold(worker, run)
    old = now() - timedelta(seconds=claims.HUNG_AFTER_SECONDS + 1)
    Worker.objects.filter(pk=worker.pk).update(heartbeat_at=old)

    assert claims.beat(worker=worker)

    assert freed() == set()


def test_behind_a_transaction_pooler_only_the_heartbeat_tells(run: Run) -> None:
    with override_settings(RLS_LOCAL=True):
        worker, lifeline = claims.register()
    assert lifeline is None
    hold(worker, run)

    assert freed() == set()
    old = now() - timedelta(seconds=claims.HUNG_AFTER_SECONDS + 1)
    Worker.objects.filter(pk=worker.pk).update(heartbeat_at=old)
    assert freed() == {run.pk}


def test_the_lock_belongs_to_one_worker_only(worker: Worker) -> None:
    other, lifeline = claims.register()
    assert lifeline is not None

    die(other, lifeline)
    claims.free_lost()

    assert list(Worker.objects.values_list("pk", flat=True)) == [worker.pk]
    assert other.pk != worker.pk


def test_of_many_sweeps_at_once_one_counts_the_loss(run: Run) -> None:
    worker, lifeline = claims.register()
    hold(worker, run)
    assert lifeline is not None
    die(worker, lifeline)

    found = in_threads(6, lambda number: claims.free_lost())

    assert sum(len(one) for one in found) == 1
    assert claim_of(run).losses == 1


def test_who_takes_a_lost_run_up_fences_off_who_lost_it(worker: Worker, run: Run) -> None:
    lost, lifeline = claims.register()
    assert lifeline is not None
    before = hold(lost, run)
    die(lost, lifeline)
    claims.free_lost()

    after = hold(worker, run)

    assert after.token > before.token
    assert after.losses == 1


# -- release ----------------------------------------------------------------------------------------------------------


def test_a_worker_that_stops_gives_its_runs_back_without_a_loss(worker: Worker, run: Run) -> None:
    hold(worker, run)

    claims.release_all(worker=worker)

    claim = claim_of(run)
    assert (claim.worker_id, claim.wanted, claim.losses) == (None, True, 0)
    assert not Worker.objects.filter(pk=worker.pk).exists()


def test_what_was_claimed_and_is_not_held_is_freed(worker: Worker, chain: WorkflowVersion) -> None:
    held, let_go = make_run(chain), make_run(chain)
    claims.claim_waiting(worker=worker, limit=10)

    claims.free_unheld(worker=worker, held=[held.pk])

    assert claim_of(held).worker_id == worker.pk
    assert (claim_of(let_go).worker_id, claim_of(let_go).losses) == (None, 1)


def test_a_lost_lifeline_is_seen_by_the_server(worker: Worker) -> None:
    """The lock is held by a session of the server's, not by anything in this process."""
    other, lifeline = claims.register()
    assert isinstance(lifeline, psycopg.Connection)
    pid: Any = lifeline.info.backend_pid
    with psycopg.connect(lifeline.info.dsn, password=lifeline.info.password) as killer:
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    claims.free_lost()

    assert not Worker.objects.filter(pk=other.pk).exists()
    lifeline.close()


# -- quotas -----------------------------------------------------------------------------------------------------------


def limit_to(concurrent_runs: int | None) -> None:
    quotas.set_limits(
        limits=Limits(concurrent_runs=concurrent_runs, when_full="queue"),
        reason="For a test.",
        by=actors.SYSTEM,
    )


def held_of(tenant: Tenant) -> int:
    return RunClaim.objects.filter(tenant_id=tenant.pk, worker_id__isnull=False).count()


def test_workers_hold_no_more_runs_of_a_tenant_than_its_quota_says(
    in_acme: Tenant, chain: WorkflowVersion
) -> None:
    limit_to(3)
    for _ in range(20):
        make_run(chain)  # queued: when all places are taken, a start waits for one
    registered = [claims.register() for _ in range(8)]
    most: list[int] = []

    def act(number: int) -> int:
        worker, finished = registered[number][0], 0
        while RunClaim.objects.filter(tenant_id=in_acme.pk, wanted=True).exists():
            for claim in claims.claim_waiting(worker=worker, limit=5):
                most.append(held_of(in_acme))
                claims.let_rest(claim)
                finished += 1
        return finished

    finished = in_threads(8, act)

    for _, lifeline in registered:
        assert lifeline is not None
        lifeline.close()
    assert sum(finished) == 20
    assert max(most) <= 3


def test_runs_that_wait_for_a_place_do_not_hold_up_other_tenants(
    worker: Worker, in_acme: Tenant, chain: WorkflowVersion, beta: Tenant
) -> None:
    limit_to(1)
    ours = [make_run(chain).pk for _ in range(50)]
    with tenant_context(beta):
        theirs = make_run(make_version(definitions.CHAIN)).pk

    won = [claim.run_id for claim in claims.claim_waiting(worker=worker, limit=10)]

    assert won == [ours[0], theirs]
    assert claims.claim_waiting(worker=worker, limit=10) == []


def test_a_higher_limit_and_none_let_more_come(
    worker: Worker, in_acme: Tenant, chain: WorkflowVersion
) -> None:
    limit_to(0)
    for _ in range(6):
        make_run(chain)

    def won() -> int:
        return len(claims.claim_waiting(worker=worker, limit=10))

    assert won() == 0
    limit_to(2)
    assert won() == 2
    limit_to(None)
    assert won() == 4
