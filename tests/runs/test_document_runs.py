"""Runs under the document of their time: counted and listed, by page and API."""

from dataclasses import replace

import pytest
from django.test import Client

from runs import document_runs
from runs.models import Run
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.runs.definitions import CHAIN
from tests.runs.making import make_run, make_version
from workflows import documentation
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def version(in_acme: Tenant) -> WorkflowVersion:
    """Two runs, then other texts, then one run."""
    made = make_version(CHAIN)
    make_run(made)
    make_run(made)
    newest = documentation.find_newest(made.workflow)
    assert newest is not None
    texts = replace(documentation.to_texts(newest), owner="Second house")
    documentation.save(workflow=made.workflow, texts=texts, by=SYSTEM, reason="Moved")
    make_run(made)
    return made


@pytest.fixture
def carol(version: WorkflowVersion) -> Client:
    return make_client(make_member(tenant=version.tenant, role=Role.AUDITOR))


def test_each_run_counts_under_one_state(version: WorkflowVersion) -> None:
    page = document_runs.find(version.workflow)

    assert [each.count for each in page.executed] == [1, 2]
    assert sum(each.count for each in page.executed) == Run.objects.filter(version=version).count()


def test_page_counts_and_leads_to_the_runs(version: WorkflowVersion, carol: Client) -> None:
    slug = version.workflow.slug
    page = carol.get(f"/runs/documents/{slug}/")
    with tenant_context(version.tenant):
        older = document_runs.find(version.workflow).executed[1].state
        newest = Run.objects.order_by("-id")[0]
    listed = carol.get(
        f"/runs/documents/{slug}/1/",
        {"since": older.since.isoformat(), "until": older.until and older.until.isoformat()},
    )

    assert "Texts, change 2" in page.content.decode()
    assert len(listed.context["page"].items) == 2
    assert newest not in listed.context["page"].items


def test_api_says_the_same(version: WorkflowVersion, carol: Client) -> None:
    base = f"/api/v1/workflows/{version.workflow.slug}/documents"
    states = carol.get(base).json()["items"]
    runs = carol.get(f"{base}/1/runs", {"since": states[0]["since"]}).json()["items"]

    assert [each["runs"] for each in states] == [1, 2]
    assert states[0]["until"] is None
    assert states[0]["since"] == states[1]["until"]
    assert len(runs) == 1


@pytest.mark.parametrize("query", ["since=soon", "until=2026-13-01"])
def test_what_is_no_moment_is_refused(version: WorkflowVersion, carol: Client, query: str) -> None:
    slug = version.workflow.slug

    assert carol.get(f"/runs/documents/{slug}/1/?{query}").status_code == 400
    assert carol.get(f"/api/v1/workflows/{slug}/documents/1/runs?{query}").status_code == 422
