"""A run as something disposable: what goes, what stays, and what may not go yet (row K1)."""

import pytest
from django.db import connection, models
from django.urls import reverse
from django.utils.timezone import now

from compliance import disposal
from compliance.errors import DisposalRefused
from compliance.models import Disposal, DisposalPlan, DisposedRecord, LegalBasis
from runs import payloads, start
from runs.disposal import RunDisposable
from runs.errors import RunNotResumable
from runs.models import Decision, ModelCall, NodeExecution, Run, RunClaim, RunEvent, RunFacts
from runs.resume import resume
from tenancy import actors, keys
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs import definitions
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_fork import make_fork
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

TABLES: tuple[type[models.Model], ...] = (
    Run,
    NodeExecution,
    RunEvent,
    Decision,
    ModelCall,
    RunFacts,
    RunClaim,
)
CONTENT = {
    Run: ("input_sealed", "output_sealed", "owner_label", "subject_key", "error_sentence"),
    NodeExecution: ("output_sealed", "error_sentence"),
    ModelCall: ("request_sealed", "response_sealed", "error_sentence"),
}


@pytest.fixture
def talk(in_acme: Tenant) -> WorkflowVersion:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        yield make_version(definitions.TALK)


def begin(version: WorkflowVersion) -> Run:
    return start.start(
        version=version,
        run_input={"n": 1},
        by=actors.SYSTEM,
        owner_label="north",
        subject="customer 7",
    )


def plan(run: Run) -> DisposalPlan:
    return disposal.plan(kind="run", target_id=run.pk, by=actors.SYSTEM)


def dispose(planned: DisposalPlan) -> Disposal:
    return disposal.execute(
        plan_id=planned.pk,
        by=actors.SYSTEM,
        legal_basis=LegalBasis.RETENTION_ENDED,
        reason="The test is over.",
    )


def rows_without(model: type[models.Model], columns: tuple[str, ...], run: Run) -> list[object]:
    """The run's rows of a table, but for these columns: the skeleton."""
    names = [field.attname for field in model._meta.concrete_fields if field.name not in columns]
    found = model._default_manager.all()
    found = found.filter(pk=run.pk) if model is Run else found.filter(run_id=run.pk)
    return list(found.order_by("pk").values_list(*names))


def test_rows_stay_their_content_goes_and_the_skeleton_is_what_it_was(
    talk: WorkflowVersion,
) -> None:
    run = execute(begin(talk))
    moved = {Run: ("status", "disposed_at")}
    counted = [model._default_manager.count() for model in TABLES]
    skeletons = [
        rows_without(model, CONTENT.get(model, ()) + moved.get(model, ()), run)
        for model in (Run, NodeExecution, ModelCall, Decision, RunEvent)
    ]

    dispose(plan(run))

    assert [model._default_manager.count() for model in TABLES] == counted
    for model, columns in CONTENT.items():
        rows = model._default_manager.all()
        rows = rows.filter(pk=run.pk) if model is Run else rows.filter(run_id=run.pk)
        assert set(rows.values_list(*columns)) == {
            tuple(None if name.endswith("_sealed") else "" for name in columns)
        }
    assert skeletons == [
        rows_without(model, CONTENT.get(model, ()) + moved.get(model, ()), run)
        for model in (Run, NodeExecution, ModelCall, Decision, RunEvent)
    ]
    run.refresh_from_db()
    assert (run.status, run.input_commitment != "", run.output_commitment != "") == (
        "disposed",
        True,
        True,
    )
    assert run.disposed_at is not None


def test_every_foreign_key_still_leads_somewhere(talk: WorkflowVersion) -> None:
    run = execute(begin(talk))

    dispose(plan(run))

    with connection.cursor() as cursor:
        for model in (Run, NodeExecution, RunEvent, Decision, ModelCall, RunFacts):
            for field in model._meta.concrete_fields:
                if not isinstance(field, models.ForeignKey) or field.name == "tenant":
                    continue
                there = field.related_model._meta.db_table
                cursor.execute(
                    f"SELECT count(*) FROM {model._meta.db_table} c WHERE c.{field.column} IS NOT NULL"
                    f" AND NOT EXISTS (SELECT 1 FROM {there} p WHERE p.id = c.{field.column}"
                    " AND p.tenant_id = c.tenant_id)"
                )
                assert cursor.fetchone() == (0,), (model, field.name)


def test_what_was_executed_is_what_the_dry_run_listed(talk: WorkflowVersion) -> None:
    run, other = execute(begin(talk)), execute(begin(talk))

    planned = plan(run)
    done = dispose(planned)

    listed = DisposedRecord.objects.filter(disposal=done).values_list("kind", "record_id")
    assert [(kind, str(record)) for kind, record in listed] == [
        (kind, record) for kind, record in planned.lines
    ]
    assert planned.lines == [["run", str(run.pk)]]
    assert done.counts == planned.counts == {"run": 1, "node_execution": 4, "model_call": 2}
    assert done.find_confirmation().rows_erased == 1 + 4 + 2
    assert not Run.objects.get(pk=other.pk).is_disposed


def test_the_data_key_of_this_run_is_destroyed_and_of_no_other(talk: WorkflowVersion) -> None:
    run, other = execute(begin(talk)), execute(begin(talk))

    done = dispose(plan(run))

    assert done.key_ids == [str(run.data_key_id)]
    assert keys.is_destroyed(run.data_key_id)
    assert not keys.is_destroyed(other.data_key_id)
    assert payloads.open_payload(other, "input_sealed") == {"n": 1}


@pytest.mark.parametrize("status", ["queued", "running", "waiting"])
def test_a_run_that_has_not_ended_is_refused(chain: WorkflowVersion, status: str) -> None:
    run = make_run(chain)
    Run.objects.filter(pk=run.pk).update(status=status)

    with pytest.raises(DisposalRefused, match="not ended"):
        plan(run)

    assert payloads.open_payload(run, "input_sealed") == {"n": 1}


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_run_that_has_ended_in_any_way_can_go(chain: WorkflowVersion, status: str) -> None:
    run = make_run(chain)
    Run.objects.filter(pk=run.pk).update(status=status)
    RunClaim.objects.filter(run_id=run.pk).update(wanted=False)  # as whatever ends a run does

    dispose(plan(run))

    assert Run.objects.get(pk=run.pk).is_disposed


def test_a_run_that_was_resumed_since_the_dry_run_is_refused(chain: WorkflowVersion) -> None:
    run = make_run(chain)
    Run.objects.filter(pk=run.pk).update(status="failed")
    planned = plan(run)
    resume(run=run, by=actors.SYSTEM)

    with pytest.raises(DisposalRefused):
        dispose(planned)

    assert not keys.is_destroyed(run.data_key_id)


def test_a_tombstone_is_not_resumed_and_not_disposed_of_again(chain: WorkflowVersion) -> None:
    run = execute(make_run(chain))
    dispose(plan(run))

    with pytest.raises(RunNotResumable, match="disposed"):
        resume(run=run, by=actors.SYSTEM)
    with pytest.raises(Exception, match="There is no run"):
        plan(run)


def test_erasing_twice_changes_nothing(chain: WorkflowVersion) -> None:
    run = execute(make_run(chain))
    dispose(plan(run))
    before = Run.objects.filter(pk=run.pk).values().get()

    RunDisposable().erase([run.pk], at=now())

    assert Run.objects.filter(pk=run.pk).values().get() == before


def test_the_dry_run_names_the_forks_that_stay(chain: WorkflowVersion) -> None:
    run = execute(begin(chain))
    first = execute(make_fork(run, "two"))
    second = execute(make_fork(first, "two"))
    made = plan(run)
    dora = factories.make_member(tenant=chain.tenant, role=Role.DATA_PROTECTION_OFFICER)
    officer = factories.make_client(dora)

    page = officer.get(reverse("compliance:plan", args=[made.pk])).content.decode()
    asked = {"kind": "run", "id": str(run.pk)}
    told = officer.post("/api/v1/disposals", asked, "application/json").json()["plan"]

    assert made.counts["run"] == 1
    assert {copy["id"] for copy in told["copies"]} == {str(first.pk), str(second.pk)}
    assert [record["id"] for record in told["records"]] == [str(run.pk)]
    assert reverse("compliance:dispose", args=["run", first.pk]) in page
    with tenant_context(chain.tenant):
        dispose(plan(first))
        assert [line.id for line in disposal.copies_beside(made)] == [second.pk]
