"""The document over time: its states, the version in use, and two days compared."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import time_machine

from compliance import policies
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_deployment, make_group
from workflows import definitions, document, document_states, documentation, versions
from workflows.errors import DayInvalid
from workflows.models import Provider, Workflow
from workflows.providers import register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def on(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    """Published on the 2nd, its texts changed on the 4th, its provider on the 6th, version 2 on the 8th."""
    with time_machine.travel(on(1), tick=False):
        policies.install_defaults(by=SYSTEM)
        make_group()
        revision = definitions.save(workflow=None, text=small(), by=SYSTEM)
    made = revision.workflow
    with time_machine.travel(on(2), tick=False):
        versions.publish(version=versions.create(revision=revision, by=SYSTEM), by=SYSTEM)
    with time_machine.travel(on(4), tick=False):
        newest = documentation.find_newest(made)
        assert newest is not None
        texts = replace(documentation.to_texts(newest), owner="Second house")
        documentation.save(workflow=made, texts=texts, by=SYSTEM, reason="Moved")
    with time_machine.travel(on(5), tick=False):
        make_deployment(name="another")  # of no group: the document does not change
    with time_machine.travel(on(6), tick=False):
        register.change_provider(
            provider=Provider.objects.get(name="small-eu-provider"), region="us", by=SYSTEM
        )
    with time_machine.travel(on(8), tick=False):
        revision = definitions.save(workflow=made, text=small(prompt="Be long:"), by=SYSTEM)
        versions.publish(version=versions.create(revision=revision, by=SYSTEM), by=SYSTEM)
    return made


def test_states_say_from_when_to_when_and_why(workflow: Workflow) -> None:
    found, more = document_states.states(workflow)

    assert [
        (each.version.number, each.since.day, each.until and each.until.day) for each in found
    ] == [
        (2, 8, None),
        (1, 6, 8),
        (1, 4, 6),
        (1, 2, 4),
    ]
    assert found[2].why == ("Texts, change 2",)
    assert found[1].why == ("Provider small-eu-provider",)
    assert len({each.digest for each in found}) == 4
    assert more is None


def test_each_digest_is_that_of_the_document_of_any_moment_within(workflow: Workflow) -> None:
    found, _ = document_states.states(workflow)

    for state, day in zip(found, (9, 7, 5, 3), strict=True):
        text = document.render(version=state.version, as_of=on(day))
        assert document.digest(text) == state.digest


def test_older_states_are_asked_for_with_before(workflow: Workflow) -> None:
    first, more = document_states.states(workflow, limit=2)
    second, none = document_states.states(workflow, before=more, limit=2)
    whole, _ = document_states.states(workflow)

    assert [*first, *second] == whole
    assert none is None


def test_difference_is_of_the_versions_in_use(workflow: Workflow) -> None:
    told = document_states.compare(workflow, on(3), on(9))
    same = document_states.compare(workflow, on(4, 13), on(5))

    assert (told.old.number, told.new.number) == (1, 2)
    assert "Nodes: 2. Answer (`answer`)" in [each.section for each in told.difference.sections]
    assert same.difference.is_empty


def test_before_the_first_version_there_is_nothing_to_compare(workflow: Workflow) -> None:
    with pytest.raises(DayInvalid, match="no version yet on 2026-11-01"):
        document_states.compare(workflow, on(1, 1), on(9))


def test_page_and_api_tell_the_difference(workflow: Workflow, beta: Tenant) -> None:
    client = make_client(make_member(tenant=workflow.tenant, role=Role.AUDITOR))
    page = client.get(
        "/workflows/small-one/documentation/difference/", {"from": "2026-11-03", "to": "2026-11-05"}
    )
    api = client.get(
        "/api/v1/workflows/small-one/documentation/difference",
        {"from": "2026-11-03T12:00:00Z", "to": "2026-11-05T12:00:00Z"},
    )

    assert "“Overview” changed" in page.content.decode()
    assert "+| Owner | Second house |" in api.json()["unified"]
    assert api.json()["from"]["version"] == 1
    assert client.get("/workflows/small-one/documentation/difference/?from=x").status_code == 400
    assert client.get("/api/v1/workflows/small-one/documentation/difference").status_code == 422
    mallory = make_client(make_member(tenant=beta, role=Role.AUDITOR))
    assert mallory.get("/workflows/small-one/documentation/difference/").status_code == 404
