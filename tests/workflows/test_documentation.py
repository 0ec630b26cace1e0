"""Plain-language texts: compliance edits them, every state of them is kept."""

from dataclasses import replace

import pytest
from django.utils.timezone import now

from tenancy.actors import SYSTEM
from tenancy.models import LedgerEntry, Tenant
from tests.workflows.definition_texts import small
from workflows import definitions, documentation
from workflows.disposal import WorkflowDisposable
from workflows.documentation import Texts
from workflows.errors import DocumentationInvalid, DocumentationOutdated, WorkflowDisposed
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


def test_a_definition_overwrites_only_what_it_says_otherwise_than_before(
    workflow: Workflow,
) -> None:
    newest = documentation.find_newest(workflow)
    assert newest is not None
    texts = replace(documentation.to_texts(newest), category="Service", purpose="By compliance.")
    documentation.save(workflow=workflow, texts=texts, by=SYSTEM)

    changed = small().replace("Test house", "Another house")
    definitions.save(workflow=workflow, text=changed, by=SYSTEM)

    now_said = documentation.find_newest(workflow)
    assert now_said is not None
    assert (now_said.owner, now_said.category, now_said.purpose) == (
        "Another house",
        "Service",
        "By compliance.",
    )


def test_who_was_overtaken_overwrites_nothing(workflow: Workflow) -> None:
    documentation.save(
        workflow=workflow, texts=Texts(purpose="Ann's"), by=SYSTEM, begun_from=1, reason="Ann"
    )

    with pytest.raises(DocumentationOutdated):
        documentation.save(workflow=workflow, texts=Texts(purpose="Rob's"), by=SYSTEM, begun_from=1)

    newest = documentation.find_newest(workflow)
    assert newest is not None
    assert newest.purpose == "Ann's"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (Texts(owner="x" * 201), "“owner” has more than 200"),
        (Texts(purpose="x" * 10_001), "“purpose” has more than 10,000"),
        (Texts(retention_days=0), "1 to 36,500 days"),
        (Texts(node_texts={"anser": "x"}), "no node “anser”.* Did you mean “answer”"),
        (Texts(node_texts={"answer": "x" * 10_001}), "node “answer” has more"),
    ],
)
def test_texts_that_cannot_be_kept_are_refused(workflow: Workflow, texts: Texts, said: str) -> None:
    with pytest.raises(DocumentationInvalid, match=said):
        documentation.save(workflow=workflow, texts=texts, by=SYSTEM)

    assert documentation.number_of(documentation.find_newest(workflow)) == 1
