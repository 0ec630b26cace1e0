"""Pages of workflows: what authors and reviewers see and do, and who may not."""

from pathlib import Path

import pytest
from django.test import Client

from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.browser.bank import COMPLAINTS
from tests.factories import make_client, make_member
from tests.runs.making import make_model_group
from tests.workflows.definition_texts import small
from workflows import definitions, versions
from workflows.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
SLUG = "complaint-handling"
NESTED = (Path(__file__).parent / "nested.yaml").read_text()


@pytest.fixture
def version(in_acme: Tenant) -> WorkflowVersion:
    make_model_group("http://127.0.0.1:9/v1")
    revision = definitions.import_definition(text=COMPLAINTS, by=actors.SYSTEM)
    return versions.create(revision=revision, by=actors.SYSTEM)


def make_version_of(text: str) -> WorkflowVersion:
    revision = definitions.import_definition(text=text, by=actors.SYSTEM)
    made = versions.create(revision=revision, by=actors.SYSTEM)
    versions.publish(version=made, by=actors.SYSTEM)
    return made


def browser(tenant: Tenant, role: Role) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


@pytest.mark.parametrize(
    "path",
    ["", "versions/", "versions/1/", "versions/1/definition/", "versions/1/documentation/"],
)
def test_every_tab_answers_its_members_and_nobody_else(
    version: WorkflowVersion, beta: Tenant, path: str
) -> None:
    address = f"/workflows/{SLUG}/{path}"

    assert browser(version.tenant, Role.AUDITOR).get(address).status_code == 200
    assert browser(beta, Role.AUTHOR).get(address).status_code == 404


def test_graph_shows_the_selected_node_as_written(version: WorkflowVersion) -> None:
    page = browser(version.tenant, Role.REVIEWER).get(f"/workflows/{SLUG}/?node=classify")

    assert page.context["node"].id == "classify"
    assert page.context["spec"]["model_group"] == "default"
    assert "n--sel" in page.content.decode()


def test_a_node_in_a_body_is_shown_with_the_bodies_around_it(version: WorkflowVersion) -> None:
    make_version_of(small(name="scoring", data_class="confidential"))
    text = NESTED.replace("scoring@3", "scoring@1").replace("input: {claims:", "input: {text:")
    nested = make_version_of(text)

    page = browser(version.tenant, Role.REVIEWER).get("/workflows/claims/?node=draft")
    shown = page.content.decode()

    assert [body["container"].id for body in page.context["bodies"]] == ["each_claim", "improve"]
    assert page.context["node"].id == "draft"
    assert page.context["spec"]["prompt"].startswith("Round {{ round }}")
    assert shown.count("n--sel") == 3  # the container, the container in it, the node
    assert shown.count('id="a-plain"') == 1
    assert "for_each · 2 nodes" in shown
    assert "is given claim, index" in shown
    assert "scoring@1" in shown
    assert nested.number == 1


def test_document_is_downloaded_as_markdown(version: WorkflowVersion) -> None:
    page = browser(version.tenant, Role.COMPLIANCE_OFFICER).get(
        f"/workflows/{SLUG}/versions/1/documentation.md"
    )

    assert page["Content-Type"] == "text/markdown; charset=utf-8"
    assert page.content.decode().startswith("# ")


def test_definition_with_errors_is_not_imported_and_every_error_has_its_line(
    in_acme: Tenant,
) -> None:
    text = COMPLAINTS.replace("after: [joined]", "after: [joind]")

    page = browser(in_acme, Role.AUTHOR).post("/workflows/-/import/", {"text": text})

    assert page.status_code == 422
    assert "Line " in page.content.decode()
    with tenant_context(in_acme):
        assert not Workflow.objects.exists()


def test_draft_with_errors_is_saved_with_its_problems(version: WorkflowVersion) -> None:
    head = Workflow.objects.get().head
    client = browser(version.tenant, Role.AUTHOR)
    text = COMPLAINTS.replace("after: [joined]", "after: [joind]")

    answer = client.post(f"/workflows/{SLUG}/edit/yaml/", {"text": text, "parent": head.pk})

    assert answer.status_code == 302
    assert "joind" in client.get(f"/workflows/{SLUG}/edit/yaml/").content.decode()
    with tenant_context(version.tenant):
        assert Workflow.objects.get().head.error_count > 0


def test_saving_over_somebody_elses_revision_is_refused(version: WorkflowVersion) -> None:
    old = version.workflow.head
    definitions.save(workflow=version.workflow, text=COMPLAINTS + "# theirs\n", by=actors.SYSTEM)

    answer = browser(version.tenant, Role.AUTHOR).post(
        f"/workflows/{SLUG}/edit/yaml/", {"text": COMPLAINTS + "# mine\n", "parent": old.pk}
    )

    assert answer.status_code == 412


def test_publishing_needs_a_reason_and_another_role_than_editing(
    version: WorkflowVersion,
) -> None:
    address = f"/workflows/{SLUG}/versions/1/publish/"
    reviewer = browser(version.tenant, Role.REVIEWER)

    assert browser(version.tenant, Role.AUTHOR).get(address).status_code == 403
    assert reviewer.post(address, {}).status_code == 422
    assert reviewer.post(address, {"reason": "Read and understood."}).status_code == 302
    with tenant_context(version.tenant):
        assert WorkflowVersion.objects.get().state == "published"


def test_list_filters_by_use_and_name(version: WorkflowVersion) -> None:
    client = browser(version.tenant, Role.AUTHOR)

    assert SLUG in client.get("/workflows/?use=draft").content.decode()
    assert SLUG not in client.get("/workflows/?use=in_use").content.decode()
    assert SLUG in client.get("/workflows/?q=Complaint").content.decode()
    assert "No workflow matches" in client.get("/workflows/?q=nothing").content.decode()
