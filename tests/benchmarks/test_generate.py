"""The generator leaves what workers would have left: whole, in its tenant, and of the size that was asked for."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Count, F

from benchmarks import generate
from compliance import policies
from runs.models import TERMINAL, Decision, ModelCall, NodeExecution, Run, RunClaim, RunEvent
from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import QuotaUse, Tenant
from tests import factories
from tests.databases import Databases

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
RUNS, NODES = 300, 6


@pytest.fixture(scope="module")
def bank(
    databases: Databases, django_db_setup: None, django_db_blocker: Any
) -> tuple[Tenant, generate.Filled]:
    """A tenant with RUNS runs of NODES nodes, in batches that do not divide evenly."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(generate, "BATCH", 70)
        tenant = factories.make_tenant(name="Filled Bank")
        with tenant_context(tenant):
            policies.install_defaults(by=actors.SYSTEM)
            owner = databases.url(role="grove_owner")
            return tenant, generate.fill(
                owner, tenant, runs=RUNS, nodes=NODES, say=lambda said: None
            )


@pytest.fixture
def filled(bank: tuple[Tenant, generate.Filled]) -> Iterator[generate.Filled]:
    """What was written; the test runs inside that tenant and only reads."""
    tenant, written = bank
    with tenant_context(tenant):
        yield written


def test_it_writes_what_was_asked_for(filled: generate.Filled) -> None:
    assert filled.runs == Run.objects.count() == RUNS
    assert filled.node_executions == NodeExecution.objects.count()
    assert 0.9 * RUNS * NODES < filled.node_executions < 1.2 * RUNS * NODES
    assert RunEvent.objects.count() == 3 * RUNS
    assert 0 < ModelCall.objects.count() == Decision.objects.count() <= RUNS
    assert sum(QuotaUse.objects.filter(unit="run").values_list("used", flat=True)) == RUNS


def test_runs_are_as_workers_leave_them(filled: generate.Filled) -> None:
    runs = list(Run.objects.order_by("id"))

    assert [run.created_at for run in runs] == sorted(run.created_at for run in runs)
    assert {run.id.version for run in runs} == {7}
    for run in runs:
        assert int(run.id.hex[:12], 16) == int(run.created_at.timestamp() * 1000)
        assert (run.finished_at is not None) == run.is_terminal
        assert (run.disposed_at is not None) == run.is_disposed
    states = Counter(run.status for run in runs)
    assert states["completed"] > RUNS / 2
    assert {"queued", "running", "failed"} <= set(states)
    wanted = set(RunClaim.objects.filter(wanted=True).values_list("run_id", flat=True))
    assert wanted & {run.pk for run in runs} == {
        run.pk for run in runs if run.status not in TERMINAL
    }


def test_nodes_belong_to_the_graph_of_their_run(filled: generate.Filled) -> None:
    completed = Run.objects.filter(status="completed").select_related("version__revision")
    run = completed.annotate(n=Count("node_executions")).filter(n=NODES).first()

    assert run is not None
    assert set(run.version.revision.definition.graph.nodes) == set(
        run.node_executions.values_list("node_id", flat=True)
    )
    assert not Run.objects.exclude(tenant_id=F("workflow__tenant_id")).exists()
    retried = NodeExecution.objects.filter(attempt=2)
    assert retried.exists()
    for row in retried:
        first = NodeExecution.objects.get(run=row.run_id, node_id=row.node_id, attempt=1)
        assert first.status == "failed"


def test_some_runs_started_others(filled: generate.Filled) -> None:
    children = Run.objects.filter(parent_run__isnull=False).select_related("parent_run")

    assert children
    for child in children:
        assert child.root_run_id == child.parent_run_id < child.pk
        assert child.parent_run.parent_run_id is None


def test_nobody_else_sees_them(filled: generate.Filled, beta: Tenant) -> None:
    with tenant_context(beta):
        assert not Run.objects.exists()
        assert not NodeExecution.objects.exists()


def test_a_disk_that_is_too_small_is_refused_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(
        generate.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1_000_000_000})
    )

    generate.check_room(tmp_path, 100_000)
    with pytest.raises(SystemExit, match="8% of these runs"):
        generate.check_room(tmp_path, 5_000_000)
