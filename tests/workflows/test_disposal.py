"""A workflow that was disposed of says nothing any more, and its record stays."""

from uuid import uuid4

import pytest
from django.utils.timezone import now

from tenancy import keys
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.workflows.models_of_tests import make_group
from tests.workflows.test_versions import make_version
from workflows import definitions, versions
from workflows.disposal import WorkflowDisposable
from workflows.errors import ContentDisposed, WorkflowDisposed
from workflows.models import DefinitionRevision, RevisionContent, VersionState, Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def published(in_acme: Tenant) -> Workflow:
    make_group()
    version = make_version()
    versions.publish(version=version, by=SYSTEM)
    return Workflow.objects.get()


def test_plan_counts_what_would_go(published: Workflow) -> None:
    (line,) = WorkflowDisposable().find([published.pk, uuid4()])

    assert (line.kind, line.id, dict(line.parts)) == (
        "workflow",
        published.pk,
        {"definition_revision": 1},
    )
    assert WorkflowDisposable().data_keys([published.pk]) == [published.data_key_id]


def test_erasing_leaves_a_tombstone(published: Workflow) -> None:
    disposable = WorkflowDisposable()
    version = published.published

    disposable.erase([published.pk], at=now())
    again = disposable.erase([published.pk], at=now())

    workflow = Workflow.objects.get()
    assert workflow.is_disposed
    assert workflow.published is None
    assert not RevisionContent.objects.exists()
    revision = DefinitionRevision.objects.get()
    assert len(revision.digest) == 64
    with pytest.raises(ContentDisposed):
        _ = revision.source
    assert version is not None
    assert version.state is VersionState.RETIRED
    assert again == 0
    assert disposable.find([workflow.pk]) == []


def test_nothing_happens_to_a_tombstone(published: Workflow) -> None:
    version = published.published
    assert version is not None
    WorkflowDisposable().erase([published.pk], at=now())

    with pytest.raises(WorkflowDisposed):
        definitions.save(workflow=published, text="name: small-one", by=SYSTEM)
    with pytest.raises(WorkflowDisposed):
        versions.publish(version=version, by=SYSTEM)
    with pytest.raises(WorkflowDisposed):
        versions.create(revision=version.revision, by=SYSTEM)


def test_other_workflows_keep_their_key(published: Workflow) -> None:
    keys.destroy_data_keys(WorkflowDisposable().data_keys([published.pk]), by=SYSTEM)

    assert keys.is_destroyed(published.data_key_id)
