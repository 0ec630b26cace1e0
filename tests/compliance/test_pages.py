"""Disposal by page: four steps, nothing erased before the third is sent."""

import pytest
from django.test import Client

from compliance.models import Disposal, DisposalPlan
from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.browser.bank import COMPLAINTS
from tests.factories import make_client, make_member
from tests.runs.making import make_model_group
from workflows import definitions
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    make_model_group("http://127.0.0.1:9/v1")
    made: Workflow = definitions.import_definition(text=COMPLAINTS, by=actors.SYSTEM).workflow
    return made


def browser(tenant: Tenant, role: Role = Role.DATA_PROTECTION_OFFICER) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


def test_a_workflow_goes_in_four_steps(workflow: Workflow) -> None:
    client = browser(workflow.tenant)

    planned = client.post(f"/assure/dispose/workflow/{workflow.pk}/")
    with tenant_context(workflow.tenant):
        plan = DisposalPlan.objects.get()
    preview = client.get(planned.headers["Location"])
    assert str(workflow.pk) in preview.content.decode()
    with tenant_context(workflow.tenant):
        assert not Disposal.objects.exists()

    wrong = client.post(f"/assure/plans/{plan.pk}/confirm/", {"typed": "12345678"})
    assert wrong.status_code == 422
    with tenant_context(workflow.tenant):
        assert not Disposal.objects.exists()

    done = client.post(
        f"/assure/plans/{plan.pk}/confirm/",
        {"typed": plan.digest[:8], "legal_basis": "retention_ended", "reason": "Time is up."},
    )
    result = client.get(done.headers["Location"])
    assert "Completed" in result.content.decode()
    with tenant_context(workflow.tenant):
        assert Workflow.objects.get().is_disposed
    assert client.get(workflow.get_absolute_url()).status_code == 200
    assert "Time is up." in client.get("/assure/disposals/").content.decode()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUTHOR, Role.AUDITOR])
def test_only_who_disposes_may_begin(workflow: Workflow, role: Role) -> None:
    answer = browser(workflow.tenant, role).post(f"/assure/dispose/workflow/{workflow.pk}/")

    assert answer.status_code == 403
    with tenant_context(workflow.tenant):
        assert not DisposalPlan.objects.exists()


def test_what_is_not_there_cannot_be_disposed_of(workflow: Workflow, beta: Tenant) -> None:
    address = f"/assure/dispose/workflow/{workflow.pk}/"

    assert browser(beta).get(address).status_code == 404
    assert (
        browser(workflow.tenant).get(address.replace("workflow/", "nonsense/")).status_code == 404
    )


def test_the_log_is_asked_by_record(workflow: Workflow) -> None:
    client = browser(workflow.tenant)

    assert client.get(f"/assure/disposals/?record={workflow.pk}").status_code == 200
    assert "Enter a valid UUID" in client.get("/assure/disposals/?record=x").content.decode()
