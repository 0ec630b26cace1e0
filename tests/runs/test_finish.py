"""What a run's last ledger entry commits to."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from compliance import disposal
from runs import finish
from runs.models import NodeExecution, Run
from tenancy import actors
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import execute, make_run, make_version

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_a_run_is_as_it_was_recorded(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.BRANCHES)))

    check = finish.check_record(run)

    assert check is not None
    assert check.holds


def test_a_changed_node_execution_is_noticed(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))
    NodeExecution.objects.filter(run=run, node_id="one").update(output_commitment="0" * 64)

    check = finish.check_record(run)

    assert check is not None
    assert not check.holds


def test_the_record_outlives_disposal(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(definitions.CHAIN)))
    plan = disposal.plan(kind="run", target_id=run.pk, by=actors.SYSTEM)
    disposal.execute(
        plan_id=plan.pk, by=actors.SYSTEM, legal_basis="retention_ended", reason="A test."
    )

    check = finish.check_record(Run.objects.get(pk=run.pk))

    assert check is not None
    assert check.holds


def test_a_run_that_goes_on_has_no_record_yet(in_acme: Tenant) -> None:
    run = make_run(make_version(definitions.CHAIN))

    assert finish.check_record(run) is None
    assert run.created_at > now() - timedelta(minutes=1)
    execute(run)
