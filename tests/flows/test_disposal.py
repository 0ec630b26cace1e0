"""A run and a workflow are disposed of: dry run, execution, what stays, what can never be read again."""

from collections.abc import Collection
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from compliance import disposal
from compliance.errors import DisposalPlanDrifted, DisposalRefused
from compliance.models import Disposal, DisposalPlan, LegalBasis
from runs import payloads, start
from runs.errors import PayloadGone
from runs.models import Decision, ModelCall, NodeExecution, Run, RunEvent
from tenancy import actors, keys
from tenancy.models import LedgerEntry, Tenant
from tests.runs import definitions
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows.models import DefinitionRevision, Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

SECRET = 20_261_121_042  # a number that can be searched for
KEPT: tuple[type[models.Model], ...] = (
    Run,
    NodeExecution,
    RunEvent,
    Decision,
    ModelCall,
    Workflow,
    WorkflowVersion,
    DefinitionRevision,
)


def dispose(plan: DisposalPlan) -> Disposal:
    return disposal.execute(
        plan_id=plan.pk,
        by=actors.SYSTEM,
        legal_basis=LegalBasis.RETENTION_ENDED,
        reason="The test is over.",
    )


def plan(kind: str, record: models.Model) -> DisposalPlan:
    return disposal.plan(kind=kind, target_id=record.pk, by=actors.SYSTEM)


def count_rows() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in KEPT}


def everything_stored(models_: Collection[type[models.Model]]) -> str:
    """All rows of these tables as text, as the database has them."""
    with connection.cursor() as cursor:
        found = []
        for model in models_:
            cursor.execute(f"SELECT t::text FROM {model._meta.db_table} t")
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_a_run_becomes_a_tombstone(in_acme: Tenant) -> None:
    version = make_version(definitions.CHAIN)
    run, other = execute(make_run(version, n=SECRET)), execute(make_run(version, n=1))
    before = count_rows()

    planned = plan("run", run)
    done = dispose(planned)

    run.refresh_from_db()
    assert planned.counts["run"] == 1
    assert planned.counts["node_execution"] == 4
    assert done.counts == planned.counts
    assert count_rows() == before
    assert run.is_disposed
    assert run.version == version
    assert (run.input_sealed, run.output_sealed, run.owner_label) == (None, None, "")
    assert not NodeExecution.objects.filter(run=run, output_sealed__isnull=False).exists()
    assert keys.is_destroyed(run.data_key_id)
    with pytest.raises(PayloadGone):
        payloads.open_payload(run, "output_sealed")
    assert payloads.open_payload(other, "output_sealed") == {"n": 1}


def test_what_was_sealed_cannot_be_opened_from_an_old_copy(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN), n=SECRET))
    copy = Run.objects.get(pk=run.pk)  # as a replica or a dump would have it

    dispose(plan("run", run))

    assert copy.output_sealed
    with pytest.raises(keys.KeyDestroyed):
        payloads.open_payload(copy, "output_sealed")


def test_model_calls_lose_what_was_asked_and_answered(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK), n=SECRET))
    assert ModelCall.objects.filter(run=run, request_sealed__isnull=False).exists()

    dispose(plan("run", run))

    calls = ModelCall.objects.filter(run=run).values_list("request_sealed", "response_sealed")
    assert set(calls) == {(None, None)}
    assert Decision.objects.filter(run=run).exists()


def test_a_workflow_takes_its_runs_along(in_acme: Tenant) -> None:
    version, other = make_version(definitions.CHAIN), make_version(definitions.CHAIN)
    runs = [execute(make_run(version, n=SECRET + number)) for number in range(2)]
    kept = execute(make_run(other, n=5))
    before = count_rows()

    planned = plan("workflow", version.workflow)
    dispose(planned)

    assert planned.counts["run"] == 2
    assert count_rows() == before
    version.workflow.refresh_from_db()
    assert version.workflow.is_disposed
    assert all(Run.objects.get(pk=run.pk).is_disposed for run in runs)
    assert keys.is_destroyed(version.workflow.data_key_id)
    assert not Run.objects.get(pk=kept.pk).is_disposed
    assert payloads.open_payload(kept, "output_sealed") == {"n": 5}


def test_a_run_that_has_not_ended_is_not_disposed_of(in_acme: Tenant) -> None:
    run = make_run(make_version(definitions.CHAIN))

    with pytest.raises(DisposalRefused):
        plan("run", run)
    with pytest.raises(DisposalRefused):
        plan("workflow", run.workflow)


def test_a_run_that_came_after_the_dry_run_is_not_taken_along_unseen(in_acme: Tenant) -> None:
    version = make_version(definitions.CHAIN)
    planned = plan("workflow", version.workflow)
    execute(make_run(version))

    with pytest.raises(DisposalPlanDrifted):
        dispose(planned)


def test_nothing_of_it_is_in_the_log_or_the_ledger(in_acme: Tenant) -> None:
    run: Any = start.start(
        version=make_version(definitions.CHAIN),
        run_input={"n": SECRET},
        by=actors.SYSTEM,
        owner_label="customer 078-05-1120",
        subject="078-05-1120",
    )
    run = execute(run)

    dispose(plan("run", run))

    stored = everything_stored(
        [*apps.get_app_config("compliance").get_models(), LedgerEntry, *KEPT]
    )
    assert "078-05-1120" not in stored
    assert str(SECRET) not in stored
    owned = Disposal.objects.matching(owner_digest=disposal.owner_digest_of("customer 078-05-1120"))
    assert owned.count() == 1
