"""Templates to begin from: each is a sound definition, and what is made of it is the author's."""

import pytest

from compliance.labels import DataClass
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.runs.making import make_model_group
from workflows import beginning, starters
from workflows.errors import StarterUnknown, WorkflowNameTaken
from workflows.models import Documentation

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
NEW = "/workflows/-/new/"


@pytest.mark.parametrize("name", starters.NAMES)
def test_every_template_becomes_a_draft_without_errors(in_acme: Tenant, name: str) -> None:
    make_model_group("http://127.0.0.1:9/v1", name="eu-fast")

    made = beginning.create(
        starter=name, title="Ours: the “first”", by=SYSTEM, purpose="To show it.",
        data_class=DataClass.INTERNAL,
    )  # fmt: skip

    assert [problem["sentence"] for problem in made.problems] == []
    assert (made.workflow.slug, made.workflow.title) == ("ours-the-first", "Ours: the “first”")
    assert made.definition.model_groups <= {"eu-fast"}
    assert Documentation.objects.get().purpose == "To show it."
    assert all(node.description for node in made.definition.walk())


def test_names_are_made_from_titles() -> None:
    assert beginning.to_name("2. Kreditprüfung (EU)!") == "kreditpr-fung-eu"
    assert beginning.to_name("שלום") == "workflow"


def test_what_is_taken_or_unknown_is_refused(in_acme: Tenant) -> None:
    beginning.create(starter="empty", title="One", by=SYSTEM)

    with pytest.raises(WorkflowNameTaken):
        beginning.create(starter="empty", title="One", by=SYSTEM)
    with pytest.raises(StarterUnknown):
        beginning.create(starter="spaceship", title="Two", by=SYSTEM)


def test_the_page_makes_a_draft_and_goes_to_its_editor(in_acme: Tenant) -> None:
    ann = make_client(make_member(tenant=in_acme, role=Role.AUTHOR))
    asked = {"title": "Letters", "data_class": "confidential", "starter": "triage"}

    made = ann.post(NEW, asked)
    again = ann.post(NEW, asked | {"purpose": "typed"})
    nameless = ann.post(NEW, asked | {"title": ""})

    assert (made.status_code, made["Location"]) == (302, "/workflows/letters/edit/")
    assert again.status_code == 422
    assert "There is already a workflow" in again.content.decode()
    assert "typed" in again.content.decode()
    assert nameless.status_code == 422


def test_only_authors_begin(in_acme: Tenant) -> None:
    auditor = make_client(make_member(tenant=in_acme, role=Role.AUDITOR))

    assert auditor.get(NEW).status_code == 403
    assert auditor.post(NEW, {"title": "Mine", "starter": "empty"}).status_code == 403


def test_programs_begin_from_a_template_too(in_acme: Tenant) -> None:
    ann = make_client(make_member(tenant=in_acme, role=Role.AUTHOR))

    listed = ann.get("/api/v1/workflow-starters").json()
    made = ann.post(
        "/api/v1/workflow-starters/empty", {"title": "By program"}, content_type="application/json"
    )
    unknown = ann.post(
        "/api/v1/workflow-starters/spaceship", {"title": "x"}, content_type="application/json"
    )

    assert [each["name"] for each in listed] == list(starters.NAMES)
    assert made.status_code == 201
    assert made["Location"] == "/api/v1/workflows/by-program/draft"
    assert unknown.status_code == 404
