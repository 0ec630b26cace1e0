"""Prompts are content: who may not read it sees that they are there, in pages, document and API, not what they say."""

import hashlib
from pathlib import Path

import pytest
from django.test import Client

from compliance import policies
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_program
from tests.runs.making import make_model_group
from workflows import definitions, document, source, versions, withheld
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
GOOD = (Path(__file__).parent / "good.yaml").read_text()
PROMPT = "Sort this: "
READERS = (Role.AUTHOR, Role.REVIEWER, Role.OPERATOR, Role.COMPLIANCE_OFFICER)
PAGES = (
    "/workflows/complaint/?node=classify",
    "/workflows/complaint/revisions/1/",
    "/workflows/complaint/versions/1/?node=classify",
    "/workflows/complaint/versions/1/definition/",
    "/workflows/complaint/versions/1/documentation/",
    "/workflows/complaint/versions/1/documentation.md",
)
API = (
    "/api/v1/workflows/complaint/draft",
    "/api/v1/workflows/complaint/revisions/1",
    "/api/v1/workflows/complaint/versions/1/document",
)


@pytest.fixture
def version(in_acme: Tenant) -> WorkflowVersion:
    make_model_group("http://127.0.0.1:9/v1")
    policies.install_defaults(by=SYSTEM)
    revision = definitions.import_definition(text=GOOD, by=SYSTEM)
    version = versions.create(revision=revision, by=SYSTEM)
    versions.publish(version=version, by=SYSTEM, reason="For a test.")
    return version


def person(tenant: Tenant, role: Role) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
def test_pages_leave_prompts_out_for_who_may_not_read_content(
    version: WorkflowVersion, role: Role, address: str
) -> None:
    page = person(version.tenant, role).get(address)

    assert page.status_code == 200
    assert PROMPT not in page.content.decode()
    assert withheld.LEFT_OUT in page.content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_pages_show_prompts_to_who_may(version: WorkflowVersion, address: str) -> None:
    for role in READERS:
        page = person(version.tenant, role).get(address).content.decode()

        assert PROMPT in page
        assert withheld.LEFT_OUT not in page


@pytest.mark.parametrize("address", API)
def test_api_leaves_prompts_out(version: WorkflowVersion, address: str) -> None:
    auditor = make_program(make_member(tenant=version.tenant, role=Role.ADMIN))
    author = make_program(make_member(tenant=version.tenant, role=Role.AUTHOR))

    masked, whole = auditor.get(address), author.get(address)

    assert PROMPT not in masked.content.decode()
    assert withheld.LEFT_OUT in masked.content.decode()
    assert PROMPT in whole.content.decode()
    if "document" not in address:
        assert (masked.json()["is_masked"], whole.json()["is_masked"]) == (True, False)
        assert masked.json()["digest"] == whole.json()["digest"]
        assert source.read(masked.json()["source"]).value == masked.json()["definition"]


def test_copy_is_the_document_but_for_prompts_and_names_the_digest_of_the_whole(
    version: WorkflowVersion,
) -> None:
    whole = document.copy_for(version=version, as_of=version.created_at, may_read=True)
    copy = document.copy_for(version=version, as_of=version.created_at, may_read=False)

    assert whole.digest == copy.digest == hashlib.sha256(whole.text.encode()).hexdigest()
    assert copy == document.copy_for(version=version, as_of=version.created_at, may_read=False)
    assert whole.digest in copy.text.splitlines()[2]
    changed = set(copy.text.splitlines()) - set(whole.text.splitlines())
    assert changed == {copy.text.splitlines()[2], withheld.LEFT_OUT}


def test_nobody_signs_from_a_copy_and_differences_of_days_leave_prompts_out(
    version: WorkflowVersion,
) -> None:
    auditor = person(version.tenant, Role.AUDITOR)

    page = auditor.get("/workflows/complaint/documentation/sign-off/").content.decode()

    assert PROMPT not in page
    assert "Sign the document below" not in page
    with tenant_context(version.tenant):
        day = version.created_at.date()
    told = auditor.get(f"/workflows/complaint/documentation/difference/?from={day}&to={day}")
    assert PROMPT not in told.content.decode()


def test_draft_that_cannot_be_read_is_not_shown(version: WorkflowVersion) -> None:
    broken = GOOD.replace("kind: output", "kind: none")
    definitions.save(workflow=version.workflow, text=broken, by=SYSTEM)

    page = person(version.tenant, Role.AUDITOR).get("/workflows/complaint/revisions/2/")

    assert "none of it is shown" in page.content.decode()
    assert PROMPT not in page.content.decode()


def test_prompts_inside_of_bodies_are_left_out() -> None:
    spec = source.read((Path(__file__).parent / "nested.yaml").read_text()).value

    shown = withheld.of_source(spec)

    assert "Judge:" not in shown
    assert shown.count(withheld.LEFT_OUT) == 4  # three prompts, and what the next round is told
