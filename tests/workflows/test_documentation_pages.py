"""The pages of the documentation: edited by whoever may, conflict-safe, with the history behind it."""

import re

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import definitions, documentation, versions
from workflows.documentation import Texts
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
EDIT = "/workflows/small-one/documentation/edit/"
HISTORY = "/workflows/small-one/documentation/history/"
PAGE = "/workflows/small-one/versions/1/documentation/"


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    make_group()
    revision = definitions.save(workflow=None, text=small(), by=SYSTEM)
    versions.create(revision=revision, by=SYSTEM)
    return revision.workflow


def browser(tenant: Tenant, role: Role) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


def typed(**changed: str) -> dict[str, str]:
    return {
        "begun_from": "1",
        "purpose": "Clearer.",
        "owner": "Test house",
        "node-letter": "What comes in.",
        "node-answer": "Answers.",
        "reason": "Asked for by the auditor.",
    } | changed


def test_compliance_edits_without_touching_the_definition(workflow: Workflow) -> None:
    client = browser(workflow.tenant, Role.COMPLIANCE_OFFICER)

    answer = client.post(EDIT, typed())

    assert (answer.status_code, answer["Location"]) == (302, HISTORY)
    with tenant_context(workflow.tenant):
        newest = documentation.find_newest(workflow)
        assert newest is not None
        assert (newest.purpose, newest.reason) == ("Clearer.", "Asked for by the auditor.")
        assert newest.node_texts == {"letter": "What comes in.", "answer": "Answers."}
        assert workflow.revisions.count() == 1
    assert "Answers." in client.get(PAGE).content.decode()
    history = client.get(HISTORY).content.decode()
    assert "Text of node answer" in history
    assert "Asked for by the auditor." in history


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.AUTHOR, 200), (Role.COMPLIANCE_OFFICER, 200), (Role.REVIEWER, 403), (Role.AUDITOR, 403)],
)
def test_who_may_edit(workflow: Workflow, role: Role, status: int) -> None:
    assert browser(workflow.tenant, role).get(EDIT).status_code == status


def test_the_page_draws_the_graph_that_the_document_writes(workflow: Workflow) -> None:
    client = browser(workflow.tenant, Role.COMPLIANCE_OFFICER)

    page = client.get(PAGE)
    text = client.get("/workflows/small-one/versions/1/documentation.md").content.decode()

    before, graph, after = page.context["document"]
    assert graph.startswith("<pre><code>flowchart LR\n")
    assert "flowchart" not in before + after
    assert '<svg class="graph"' in page.content.decode()
    assert 'href="/workflows/small-one/versions/1/?node=letter"' in page.content.decode()
    assert "```mermaid\nflowchart LR\n" in text  # what is signed stays as it was


def test_without_a_reason_nothing_is_saved_and_nothing_lost(workflow: Workflow) -> None:
    client = browser(workflow.tenant, Role.AUTHOR)

    answer = client.post(EDIT, typed(reason=""))

    assert answer.status_code == 422
    assert "Clearer." in answer.content.decode()
    with tenant_context(workflow.tenant):
        assert documentation.number_of(documentation.find_newest(workflow)) == 1


def test_two_who_edit_lose_no_text(workflow: Workflow) -> None:
    documentation.save(workflow=workflow, texts=Texts(purpose="Theirs."), by=SYSTEM, reason="First")
    client = browser(workflow.tenant, Role.AUTHOR)

    answer = client.post(EDIT, typed(purpose="Mine."))
    shown = answer.content.decode()

    assert answer.status_code == 412
    assert "Mine." in shown
    assert "Theirs." in shown
    number = re.search(r'name="begun_from" value="(\d+)"', shown)
    assert number is not None
    assert number[1] == "2"
    assert client.post(EDIT, typed(purpose="Mine.", begun_from="2")).status_code == 302


def test_side_bar_says_what_is_missing(workflow: Workflow) -> None:
    page = browser(workflow.tenant, Role.AUTHOR).get(PAGE)

    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.content.decode()))
    assert "1 of 3 nodes are described" in shown
    assert "Text of answer" in shown


def test_a_stale_text_can_be_found_still_true(workflow: Workflow) -> None:
    definitions.save(
        workflow=workflow, text=small().replace("type: string", "type: number"), by=SYSTEM
    )
    client = browser(workflow.tenant, Role.AUTHOR)
    assert 'name="still-letter"' in client.get(EDIT).content.decode()

    client.post(
        EDIT,
        {
            "begun_from": "1",
            "purpose": "Show what a definition is.",
            "owner": "Test house",
            "node-letter": "What comes in.",
            "still-letter": "on",
            "reason": "Looked at.",
        },
    )

    assert 'name="still-letter"' not in client.get(EDIT).content.decode()
    assert "Found still true: letter" in client.get(HISTORY).content.decode()


@pytest.mark.parametrize(
    ("day", "status"),
    [("2026-11-01", 200), ("soon", 400), ("9999-12-31", 400), ("2999-01-01", 400)],
)
def test_day_is_asked_for_in_the_address(workflow: Workflow, day: str, status: int) -> None:
    client = browser(workflow.tenant, Role.AUDITOR)

    for path in (PAGE, HISTORY, "/workflows/small-one/versions/1/documentation.md"):
        assert client.get(path, {"as_of": day}).status_code == status


def test_of_another_tenant_there_is_nothing(workflow: Workflow, beta: Tenant) -> None:
    client = browser(beta, Role.COMPLIANCE_OFFICER)

    assert client.get(EDIT).status_code == 404
    assert client.post(EDIT, typed()).status_code == 404
    assert client.get(HISTORY).status_code == 404
