"""What is in use and idle: told by the newest run of each workflow, at any moment."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from runs import last_runs
from tenancy.models import Tenant
from tests.runs.definitions import CHAIN
from tests.runs.making import make_run, make_version
from workflows import inventory

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def test_a_workflow_that_runs_is_not_idle_until_a_month_has_gone(in_acme: Tenant) -> None:
    version, other = make_version(CHAIN), make_version(CHAIN)
    make_run(version)
    run = make_run(version)
    slug, later = version.workflow.slug, now() + timedelta(days=31)

    newest = last_runs.of_workflows([version.workflow_id, other.workflow_id], now())
    before = last_runs.of_workflows([version.workflow_id], run.created_at - timedelta(days=1))
    idle = {each.name: each.idle for each in inventory.find(now(), is_now=True)}
    idle_later = {each.name: each.idle for each in inventory.find(later, is_now=False)}

    assert newest == {version.workflow_id: run.created_at}
    assert before == {}
    assert idle[slug] == ""
    assert idle[other.workflow.slug] == "In use, and never run."
    assert idle_later[slug] == "In use, and not run for 31 days."
