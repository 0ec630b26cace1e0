"""A draft tried with the input of a past run, on what that run recorded."""

import pytest
from django.test import Client

from runs.models import Run
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.runs import making
from tests.runs.definitions import CHAIN
from workflows import drafts
from workflows.edits import Edit
from workflows.models import DefinitionRevision

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def run(in_acme: Tenant) -> Run:
    return making.execute(making.make_run(making.make_version(CHAIN)))


def draft_of(run: Run, *edits: Edit) -> DefinitionRevision:
    head = drafts.find_head(run.workflow)
    assert head is not None
    return drafts.edit(workflow=run.workflow, edits=edits, base=head, by=SYSTEM).revision


def browser(tenant: Tenant, role: Role = Role.AUTHOR) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


def test_the_same_draft_brings_what_is_on_record(run: Run) -> None:
    page = browser(run.tenant).post(f"/runs/try/{run.workflow.slug}/", {"run": str(run.pk)})

    assert page.status_code == 200
    assert page.context["report"].result == "same"
    assert "Every node that was replayed brings what is on record" in page.content.decode()


def test_a_changed_draft_is_set_beside_the_record_node_by_node(run: Run) -> None:
    order = run.version.revision.definition.graph.order
    changed = draft_of(run, Edit(name="duplicate", arguments={"node": order[1]}))

    page = browser(run.tenant).post(f"/runs/try/{run.workflow.slug}/", {"run": str(run.pk)})
    report = page.context["report"]

    assert (report.version_number, report.revision_number) == (None, changed.number)
    assert f"{order[1]}_2" in [node.node for node in report.nodes]


def test_the_api_replays_a_revision_too(run: Run) -> None:
    changed = draft_of(run, Edit(name="set_top", arguments={"field": "title", "value": "Other"}))

    answer = browser(run.tenant).post(
        f"/api/v1/runs/{run.pk}/replay", {"revision": changed.number}, "application/json"
    )

    assert answer.json()["revision"] == changed.number
    assert (answer.json()["version"], answer.json()["result"]) == (None, "same")


def test_a_draft_with_errors_is_refused_in_words_and_leaves_no_entry(run: Run) -> None:
    draft_of(run, Edit(name="add", arguments={"kind": "llm"}))

    page = browser(run.tenant).post(f"/runs/try/{run.workflow.slug}/", {"run": str(run.pk)})

    assert page.status_code == 422
    assert "is a draft with errors. Mend them first." in page.content.decode()
    with tenant_context(run.tenant):
        assert not LedgerEntry.objects.filter(event="run.replayed").exists()


def test_only_who_may_see_payloads_and_only_runs_of_this_workflow(run: Run, beta: Tenant) -> None:
    address = f"/runs/try/{run.workflow.slug}/"

    assert browser(run.tenant, Role.AUDITOR).get(address).status_code == 403
    assert browser(beta).get(address).status_code == 404
    assert browser(run.tenant).post(address, {"run": "x"}).status_code == 422
    assert browser(run.tenant).get(address).status_code == 200
