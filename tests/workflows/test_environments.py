"""Environments: what is tried on staging is what goes live, and it says so on record, on the page and in the API."""

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.workflows.models_of_tests import make_group
from tests.workflows.test_versions import make_version
from workflows import environments, versions
from workflows.errors import TransitionRefused
from workflows.models import Environment, Promotion, WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture(autouse=True)
def group(acme: Tenant) -> None:
    with tenant_context(acme):
        make_group()


@pytest.fixture
def author(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.AUTHOR))


@pytest.fixture
def reviewer(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.REVIEWER))


@pytest.fixture
def version(acme: Tenant) -> WorkflowVersion:
    with tenant_context(acme):
        return make_version()


def where(version: WorkflowVersion) -> dict[str, int | None]:
    version.workflow.refresh_from_db()
    standing = environments.standings(version.workflow)
    return {str(one.environment): one.version and one.version.number for one in standing}


def test_a_version_carries_its_digest_from_staging_to_prod(in_acme: Tenant) -> None:
    version = make_version()
    assert where(version) == {"staging": None, "prod": None}

    environments.stage(version=version, by=SYSTEM, reason="A trial.")
    environments.stage(version=version, by=SYSTEM, reason="Again.")
    versions.publish(version=version, by=SYSTEM, reason="It went well.")

    assert where(version) == {"staging": 1, "prod": 1}
    rows = Promotion.objects.order_by("number").values_list("environment", "digest", "reason")
    assert list(rows) == [
        ("staging", version.digest, "A trial."),
        ("prod", version.digest, "It went well."),
    ]
    entries = LedgerEntry.objects.filter(event="version.staged")
    assert [entry.facts["digest"] for entry in entries] == [version.digest]


def test_what_is_retired_stands_nowhere(in_acme: Tenant) -> None:
    version = make_version()
    environments.stage(version=version, by=SYSTEM)
    versions.publish(version=version, by=SYSTEM)

    versions.retire(version=version, by=SYSTEM)

    assert where(version) == {"staging": None, "prod": None}
    with pytest.raises(TransitionRefused, match="is retired"):
        environments.stage(version=version, by=SYSTEM)


def test_an_author_puts_a_version_on_staging(author: Client, version: WorkflowVersion) -> None:
    address = f"/workflows/{version.workflow.slug}/environments/"
    assert "Nothing stands here." in author.get(address).content.decode()

    asked = {"version": "1", "reason": "A trial."}
    answer = author.post(f"{address}staging/", asked, follow=True)

    shown = answer.content.decode()
    assert "Version 1 stands on staging." in shown
    assert version.digest in shown
    assert "A trial." in shown


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"version": "9", "reason": "x"}, "not one of the available choices"),
        ({"version": "1"}, "This field is required"),
    ],
)
def test_what_cannot_be_staged_is_named(
    author: Client, version: WorkflowVersion, asked: dict[str, str], said: str
) -> None:
    answer = author.post(f"/workflows/{version.workflow.slug}/environments/staging/", asked)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    with tenant_context(version.tenant):
        assert not Promotion.objects.exists()


def test_a_reviewer_looks_and_does_not_stage(reviewer: Client, version: WorkflowVersion) -> None:
    address = f"/workflows/{version.workflow.slug}/environments/"
    assert "Authors put versions on staging." in reviewer.get(address).content.decode()
    assert reviewer.post(f"{address}staging/", {"version": "1", "reason": "x"}).status_code == 403


def test_programs_do_the_same(acme: Tenant, version: WorkflowVersion) -> None:
    program = factories.make_program(factories.make_member(tenant=acme, role=Role.AUTHOR))
    base = f"/api/v1/workflows/{version.workflow.slug}"

    answer = program.post(
        f"{base}/versions/1/stage", {"reason": "A trial."}, content_type="application/json"
    )

    assert answer.status_code == 200, answer.content
    staging, prod = answer.json()
    assert (staging["environment"], staging["version"]) == (Environment.STAGING, 1)
    assert (staging["digest"], staging["reason"]) == (version.digest, "A trial.")
    assert prod == {
        "environment": "prod",
        "version": None,
        "digest": "",
        "since": None,
        "by": None,
        "reason": "",
    }
    assert program.get(f"{base}/environments").json() == answer.json()
