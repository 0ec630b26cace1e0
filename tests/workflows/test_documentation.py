"""Plain-language texts: compliance edits them, every state of them is kept."""

import pytest
from django.utils.timezone import now

from tenancy.actors import SYSTEM
from tenancy.models import LedgerEntry, Tenant
from tests.workflows.definition_texts import small
from workflows import definitions, documentation
from workflows.disposal import WorkflowDisposable
from workflows.documentation import Texts
from workflows.errors import WorkflowDisposed
from workflows.models import Documentation, Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    return definitions.save(workflow=None, text=small(), by=SYSTEM).workflow


def test_texts_come_with_the_first_definition(workflow: Workflow) -> None:
    written = documentation.find_newest(workflow)

    assert written is not None
    assert (written.number, written.purpose) == (1, "Show what a definition is.")
    assert written.node_texts == {"letter": "What comes in."}


def test_save_keeps_every_state_and_names_the_fields(workflow: Workflow) -> None:
    before = documentation.find_newest(workflow)
    assert before is not None
    texts = documentation.to_texts(before)

    changed = Texts(purpose="Clearer.", owner=texts.owner, node_texts=texts.node_texts)
    documentation.save(workflow=workflow, texts=changed, by=SYSTEM, reason="Asked for")
    again = documentation.save(workflow=workflow, texts=changed, by=SYSTEM)

    entry = LedgerEntry.objects.filter(event="documentation.saved").get()
    assert entry.facts["fields"] == ["purpose"]
    assert again is None
    assert list(Documentation.objects.values_list("number", "purpose")) == [
        (2, "Clearer."),
        (1, "Show what a definition is."),
    ]


def test_definition_that_brings_other_texts_is_taken_over(workflow: Workflow) -> None:
    text = small().replace("Show what a definition is.", "Show two revisions.")

    definitions.save(workflow=workflow, text=text, by=SYSTEM)

    newest = documentation.find_newest(workflow)
    assert newest is not None
    assert (newest.purpose, newest.reason) == (
        "Show two revisions.",
        "Came with revision 2 of the definition",
    )


def test_tombstone_gets_no_new_texts(workflow: Workflow) -> None:
    WorkflowDisposable().erase([workflow.pk], at=now())

    with pytest.raises(WorkflowDisposed):
        documentation.save(workflow=workflow, texts=Texts(purpose="Late"), by=SYSTEM)
