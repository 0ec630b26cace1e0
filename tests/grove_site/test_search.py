"""One search: what it finds, for whom, and what it says to programs."""

from typing import Any

import pytest
from django.test import Client

from runs import start
from tenancy.actors import SYSTEM, Actor
from tenancy.models import Tenant
from tenancy.permissions import Permission, Role
from tests.factories import make_client, make_member, make_program
from tests.runs import definitions as definitions_of_runs
from tests.runs.making import make_version
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import attestations, definitions, document, versions
from workflows.models import Attestation

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
OLGA = Actor(kind="user", id="2", name="Olga")
API = "/api/v1/search"


@pytest.fixture
def signed(in_acme: Tenant) -> Attestation:
    make_group()
    revision = definitions.save(workflow=None, text=small(), by=SYSTEM)
    version = versions.create(revision=revision, by=SYSTEM)
    versions.publish(version=version, by=SYSTEM)
    return attestations.sign(
        version=version,
        digest=document.digest(document.render(version=version)),
        statement="It is so.",
        by=OLGA,
    )


def browser(tenant: Tenant, role: Role = Role.AUDITOR) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


def found(client: Client, text: str) -> list[dict[str, Any]]:
    answer = client.get(API, {"q": text})
    assert answer.status_code == 200, answer.content
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.parametrize("length", [8, 20, 64])
def test_a_signed_document_is_found_by_its_digest(signed: Attestation, length: int) -> None:
    carol = browser(signed.tenant)

    (hit,) = found(carol, signed.digest[:length].upper())
    page = carol.get("/search/", {"q": signed.digest[:length]}).content.decode()
    suggested = carol.get("/search/suggest/", {"q": signed.digest[:length]}).content.decode()

    assert (hit["kind"], hit["title"]) == ("document", "Small one, document of version 1")
    assert "signed by Olga" in hit["detail"]
    assert carol.get(hit["page"]).status_code == 200
    assert carol.get(hit["resource"]).json()["items"][0]["digest"] == signed.digest
    for html in (page, suggested):
        assert "Signed documents" in html
        assert hit["page"] in html


def test_a_signed_document_is_found_with_its_workflow(signed: Attestation) -> None:
    kinds = [hit["kind"] for hit in found(browser(signed.tenant), "small")]

    assert kinds == ["workflow", "document"]


def test_every_resource_that_is_named_answers(in_acme: Tenant) -> None:
    version = make_version(definitions_of_runs.CHAIN)
    run = start.start(version=version, run_input={"n": 1}, owner_label="case-7", by=SYSTEM)
    carol = browser(in_acme)
    told = [
        *found(carol, str(run.pk)),
        *found(carol, "case-7"),
        *found(carol, run.version.digest[:12]),
        *found(carol, run.workflow.slug),
    ]

    assert {hit["kind"] for hit in told} == {"run", "runs", "version", "workflow"}
    for hit in told:
        assert carol.get(hit["resource"]).status_code == 200, hit
        assert carol.get(hit["page"]).status_code == 200, hit


@pytest.mark.parametrize("text", ["", " ", "a", " a "])
def test_a_question_that_is_too_short_is_a_problem(in_acme: Tenant, text: str) -> None:
    answer = browser(in_acme).get(API, {"q": text})

    assert answer.status_code == 422
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == "question_too_short"


@pytest.mark.parametrize(
    "text", ["ab\0c", "\ud800".encode("utf-8", "surrogatepass"), "%%" * 90, "x" * 5000]
)
def test_strange_questions_find_nothing_or_are_refused(in_acme: Tenant, text: Any) -> None:
    answer = browser(in_acme).get(API, {"q": text})

    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or answer.json()["items"] == []


def test_what_a_program_may_not_see_it_does_not_find(signed: Attestation) -> None:
    member = make_member(tenant=signed.tenant, role=Role.AUTHOR)
    runs_alone = make_program(member, Permission.RUN_VIEW)
    workflows_alone = make_program(member, Permission.WORKFLOW_VIEW)

    assert found(runs_alone, "small") == []
    assert found(runs_alone, signed.digest) == []
    assert workflows_alone.get(API, {"q": "small"}).status_code == 403


def test_mallory_finds_nothing(signed: Attestation, beta: Tenant) -> None:
    mallory = browser(beta, Role.ADMIN)

    assert found(mallory, signed.digest) == []
    assert found(mallory, "small") == []
