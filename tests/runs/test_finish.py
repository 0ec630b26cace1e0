"""What a run's last ledger entry commits to."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from compliance import disposal
from runs import cancel, records
from runs.models import ModelCall, NodeExecution, Run, RunFacts
from tenancy import actors, ledger
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import LedgerEntry, Tenant
from tests.runs import definitions
from tests.runs.making import (
    execute,
    make_deployment,
    make_model_group,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel
from workflows import model_groups
from workflows.providers import register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_a_run_is_as_it_was_recorded(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.BRANCHES)))

    check = records.check_record(run)

    assert check is not None
    assert check.holds


def test_a_changed_node_execution_is_noticed(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))
    NodeExecution.objects.filter(run=run, node_id="one").update(output_commitment="0" * 64)

    check = records.check_record(run)

    assert check is not None
    assert not check.holds


@pytest.fixture
def run_with_calls(in_acme: Tenant) -> Iterator[Run]:
    """Two calls were made, and the run has ended."""
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        yield execute(make_run(make_version(definitions.TALK)))


@pytest.mark.parametrize(
    "change",
    [
        {"data_class": 0},
        {"tags": ["PHI"]},
        {"redactions": ["redact:PII"]},
        {"provider": "somebody-else"},
        {"region": "us"},
        {"egress": "external"},
        {"error_kind": "not_sent"},
    ],
)
def test_what_a_call_carried_and_where_it_went_is_committed_to(
    run_with_calls: Run, change: dict[str, Any]
) -> None:
    untouched = records.check_record(run_with_calls)
    ModelCall.objects.filter(run=run_with_calls, node_id="ask").update(**change)

    check = records.check_record(run_with_calls)

    assert untouched is not None
    assert (untouched.holds, untouched.fault) == (True, "")
    assert check is not None
    assert not check.holds
    assert check.recorded == check.recomputed  # the first digest does not see it
    assert (
        f"The calls of the run {run_with_calls.pk} are not as the ledger committed" in check.fault
    )
    assert "class, tags, masking, provider, region or outcome" in check.fault


def test_entry_of_the_first_form_still_verifies(run_with_calls: Run) -> None:
    facts = LedgerEntry.objects.get(event=EventType.RUN_COMPLETED).facts
    with transaction.atomic():
        before = ledger.append(
            EventType.RUN_SETTLED,
            subject=Subject(kind="run", id=str(run_with_calls.pk)),
            by=actors.SYSTEM,
            digest=facts["digest"],
        )

    check = records.check_record(run_with_calls)
    ModelCall.objects.filter(run=run_with_calls, node_id="ask").update(tokens_in=1)
    changed = records.check_record(run_with_calls)

    assert check is not None
    assert changed is not None
    assert (check.entry_id, check.recorded_departures) == (before.pk, "")
    assert (check.holds, changed.holds) == (True, False)
    assert "is not as the ledger committed to it in the entry" in changed.fault


def test_the_record_outlives_disposal(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))
    plan = disposal.plan(kind="run", target_id=run.pk, by=actors.SYSTEM)
    disposal.execute(
        plan_id=plan.pk, by=actors.SYSTEM, legal_basis="retention_ended", reason="A test."
    )

    check = records.check_record(Run.objects.get(pk=run.pk))

    assert check is not None
    assert check.holds


def test_a_run_that_goes_on_has_no_record_yet(in_acme: Tenant) -> None:
    run = make_run(make_version(definitions.CHAIN))

    assert records.check_record(run) is None
    assert run.created_at > now() - timedelta(minutes=1)
    execute(run)


def test_what_a_cancelled_run_had_under_way_counts_as_spent_until_it_is_answered(
    in_acme: Tenant,
) -> None:
    with ScriptedModel(seconds=0.5) as model:
        make_model_group(model.base_url)
        run = make_run(make_version(definitions.TALK))
        with running_executor():
            wait_until(lambda: len(model.prompts) == 1)
            ModelCall.objects.filter(run=run).update(reserved_micros=7)
            RunFacts.objects.filter(root_run=run).update(reserved_micros=7)
            cancel.cancel(run=run, by=actors.SYSTEM)
            call, facts = ModelCall.objects.get(run=run), RunFacts.objects.get(root_run=run)
            check = records.check_record(Run.objects.get(pk=run.pk))

    assert (call.status, call.error_kind, call.cost_micros) == ("interrupted", "cancelled", 7)
    assert (facts.spent_micros, facts.reserved_micros, facts.in_flight) == (7, 0, 0)
    assert check is not None
    assert check.holds


def test_an_answer_after_the_end_is_settled_and_committed_to(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.5) as model:
        deployment = make_deployment(model.base_url)
        register.set_price(
            deployment=deployment,
            input_micros_per_million=1_000_000,
            output_micros_per_million=1_000_000,
            by=actors.SYSTEM,
        )
        model_groups.create(name="default", deployments=[deployment], by=actors.SYSTEM)
        run = make_run(make_version(definitions.TALK))
        with running_executor():
            wait_until(lambda: len(model.prompts) == 1)
            cancel.cancel(run=run, by=actors.SYSTEM)
            late = ModelCall.objects.filter(run=run, status="late")
            wait_until(late.exists)

    check = records.check_record(Run.objects.get(pk=run.pk))
    assert check is not None
    assert check.holds
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.spent_micros, facts.reserved_micros, facts.in_flight) == (15, 0, 0)
    entries = LedgerEntry.objects.filter(subject_id=str(run.pk)).order_by("id")
    assert list(entries.values_list("event", flat=True)) == [
        "run.started",
        "run.cancelled",
        "run.settled",
    ]
