"""The life of a version: draft, published, retired, with one entry for each step."""

import threading

import pytest
from django.db import DatabaseError, connections, transaction

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tests import factories
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import definitions, versions
from workflows.errors import DefinitionInvalid, NotPublishable
from workflows.models import VersionState, VersionStatus, Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def make_version(prompt: str = "Be brief:", *, workflow: Workflow | None = None) -> WorkflowVersion:
    revision = definitions.save(workflow=workflow, text=small(prompt=prompt), by=SYSTEM)
    return versions.create(revision=revision, by=SYSTEM)


def states(version: WorkflowVersion) -> list[tuple[str, str]]:
    return list(version.statuses.order_by("number").values_list("state", "reason"))


def events() -> list[str]:
    rows = LedgerEntry.objects.filter(event__startswith="version.").order_by("id")
    return list(rows.values_list("event", flat=True))


def test_version_is_numbered_once_per_revision(in_acme: Tenant) -> None:
    version = make_version()
    again = versions.create(revision=version.revision, by=SYSTEM)

    assert again == version
    assert (version.number, version.state) == (1, VersionState.DRAFT)
    assert version.digest == version.revision.digest
    assert events() == ["version.created"]


def test_draft_with_errors_gets_no_number(in_acme: Tenant) -> None:
    first = definitions.save(workflow=None, text=small(), by=SYSTEM)
    draft = definitions.save(workflow=first.workflow, text="name: small-one\nnodes: [", by=SYSTEM)

    with pytest.raises(DefinitionInvalid, match="Revision 2"):
        versions.create(revision=draft, by=SYSTEM)


def test_published_version_is_what_runs_take(in_acme: Tenant) -> None:
    make_group()
    version = make_version()

    versions.publish(version=version, by=SYSTEM, reason="Good")
    versions.publish(version=version, by=SYSTEM, reason="Twice")

    assert Workflow.objects.get().published == version
    assert version.is_published
    assert states(version) == [("draft", ""), ("published", "Good")]
    assert events() == ["version.created", "version.published"]


def test_next_version_supersedes_the_one_before(in_acme: Tenant) -> None:
    make_group()
    first = make_version()
    versions.publish(version=first, by=SYSTEM)
    second = make_version("Be polite:", workflow=first.workflow)

    versions.publish(version=second, by=SYSTEM)

    assert (first.state, second.state) == (VersionState.RETIRED, VersionState.PUBLISHED)
    assert states(first)[-1] == ("retired", "superseded by version 2")
    assert Workflow.objects.get().published == second
    assert events().count("version.published") == 2
    assert "version.retired" not in events()  # one verb, one entry


def test_retired_version_may_come_back(in_acme: Tenant) -> None:
    make_group()
    first = make_version()
    versions.publish(version=first, by=SYSTEM)
    second = make_version("Be polite:", workflow=first.workflow)
    versions.publish(version=second, by=SYSTEM)

    versions.publish(version=first, by=SYSTEM, reason="Second was worse")

    assert (first.state, second.state) == (VersionState.PUBLISHED, VersionState.RETIRED)


def test_retiring_takes_it_from_new_runs_and_twice_changes_nothing(in_acme: Tenant) -> None:
    make_group()
    version = make_version()
    versions.publish(version=version, by=SYSTEM)

    versions.retire(version=version, by=SYSTEM, reason="Old")
    versions.retire(version=version, by=SYSTEM)

    assert Workflow.objects.get().published is None
    assert events()[-1] == "version.retired"
    assert events().count("version.retired") == 1


def test_publication_names_what_is_missing(in_acme: Tenant) -> None:
    version = make_version()  # no model group “default” in this tenant

    with pytest.raises(NotPublishable, match="“default”") as raised:
        versions.publish(version=version, by=SYSTEM)

    (problem,) = raised.value.extra["problems"]
    assert problem["node"] == "answer"
    assert version.state is VersionState.DRAFT
    assert Workflow.objects.get().published is None


def test_queryset_knows_states_in_one_query(in_acme: Tenant) -> None:
    make_group()
    version = make_version()
    versions.publish(version=version, by=SYSTEM)

    (found,) = WorkflowVersion.objects.all().with_state()

    assert found.state_now == "published"


@pytest.mark.parametrize("table", ["workflows_workflowversion", "workflows_versionstatus"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_database_refuses_to_change_versions(in_acme: Tenant, table: str, statement: str) -> None:
    make_version()

    with (
        pytest.raises(DatabaseError, match=r"permission denied|is refused"),
        transaction.atomic(),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


def test_others_see_nothing(in_acme: Tenant, beta: Tenant) -> None:
    make_version()

    with tenant_context(beta):
        assert not Workflow.objects.exists()
        assert not WorkflowVersion.objects.exists()
        assert not VersionStatus.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_of_two_publishers_one_wins_at_a_time() -> None:
    acme = factories.make_tenant()
    with tenant_context(acme):
        make_group()
        first = make_version()
        made = [first] + [make_version(f"Number {n}:", workflow=first.workflow) for n in range(3)]

    def publish(version: WorkflowVersion) -> None:
        try:
            with tenant_context(acme):
                versions.publish(version=version, by=SYSTEM)
        finally:
            for alias in ("default", "keys"):
                connections[alias].close()

    threads = [threading.Thread(target=publish, args=(version,)) for version in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with tenant_context(acme):
        published = [each for each in made if each.state is VersionState.PUBLISHED]
        assert published == [Workflow.objects.get().published]
