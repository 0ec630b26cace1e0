"""Records of processing: generated, so that a provider more is a recipient more; of any day; and no promise."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.utils.timezone import now

from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_deployment, make_group
from workflows import definitions, documentation, model_groups, processing, versions
from workflows.models import Deployment, ModelGroup, Provider, Workflow
from workflows.processing import Record
from workflows.providers import register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    with time_machine.travel(now() - timedelta(days=3)):
        make_group()
        revision = definitions.save(workflow=None, text=small(), by=SYSTEM)
        versions.publish(version=versions.create(revision=revision, by=SYSTEM), by=SYSTEM)
    return revision.workflow


def record(at_days_ago: float = 0) -> Record:
    found = processing.find("small-one", now() - timedelta(days=at_days_ago))
    assert found is not None
    return found


def test_it_says_what_is_known_and_what_nobody_said(workflow: Workflow) -> None:
    found = record()

    assert found.controller == workflow.tenant.name
    assert (found.owner, found.purpose) == ("Test house", "Show what a definition is.")
    assert [(each.name, each.region, each.is_away) for each in found.recipients] == [
        ("small-eu-provider", "eu", False)
    ]
    assert found.missing == ("legal basis", "people concerned", "retention")


def test_a_provider_more_is_a_recipient_more_and_yesterday_stays(workflow: Workflow) -> None:
    before = processing.to_markdown(record(1))
    other = make_deployment(name="other")
    register.change_provider(
        provider=Provider.objects.get(name="other-provider"), region="us", by=SYSTEM
    )
    model_groups.repoint(
        group=ModelGroup.objects.get(),
        deployments=[Deployment.objects.get(name="small-eu"), other],
        by=SYSTEM,
    )

    today = record()

    assert [each.name for each in today.recipients] == ["other-provider", "small-eu-provider"]
    assert [each.name for each in today.away] == ["other-provider"]
    assert "(us)" in processing.to_markdown(today)
    assert processing.to_markdown(record(1)) == before


def test_what_is_switched_off_receives_nothing(workflow: Workflow) -> None:
    register.change_provider(provider=Provider.objects.get(), enabled=False, by=SYSTEM)

    assert record().recipients == ()
    assert len(record(1).recipients) == 1


def test_texts_fill_what_is_missing(workflow: Workflow) -> None:
    newest = documentation.find_newest(workflow)
    assert newest is not None
    texts = replace(
        documentation.to_texts(newest),
        legal_basis="Contract",
        people_concerned="Customers",
        retention_days=30,
    )
    documentation.save(workflow=workflow, texts=texts, by=SYSTEM, reason="Asked for")

    assert record().missing == ()
    assert record(1).missing == ("legal basis", "people concerned", "retention")


@pytest.mark.parametrize(
    ("region", "away"),
    [("eu", False), ("eu-central-1", False), ("eu-west-2", True), ("us", True), ("", True)],
)
def test_home_is_told_by_the_name_of_the_region(
    workflow: Workflow, region: str, away: bool
) -> None:
    register.change_provider(provider=Provider.objects.get(), region=region, by=SYSTEM)

    assert [each.is_away for each in record().recipients] == [away]


def test_pages_files_and_api(workflow: Workflow, beta: Tenant) -> None:
    carol = make_client(make_member(tenant=workflow.tenant, role=Role.AUDITOR))
    mallory = make_client(make_member(tenant=beta, role=Role.AUDITOR))
    yesterday = (now() - timedelta(days=1)).date().isoformat()
    here = "/register/processing/small-one/"

    assert "does not make anybody compliant" in carol.get("/register/processing/").content.decode()
    page = carol.get(here).content.decode()
    assert "Nobody has said yet: legal basis" in page
    assert "does not make anybody compliant" in page
    file = carol.get(f"{here}record.md?as_of={yesterday}")
    assert file["Content-Disposition"].endswith(f'small-one-{yesterday}.md"')
    assert "GDPR Art. 30" in file.content.decode()
    table = carol.get("/register/processing/records.csv").content.decode().splitlines()
    assert table[0].startswith("workflow,title,version,controller")
    assert "small-eu-provider (eu)" in table[1]
    api = carol.get("/api/v1/processing-records/small-one").json()
    assert api["recipients"][0]["name"] == "small-eu-provider"
    assert len(carol.get("/api/v1/processing-records").json()["items"]) == 1
    assert carol.get("/register/processing/nothing/").status_code == 404
    assert mallory.get(here).status_code == 404
    assert mallory.get("/api/v1/processing-records/small-one").status_code == 404
