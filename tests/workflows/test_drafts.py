"""A draft that is worked on: edits on top of what was read, undo and redo, and who is here."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tests.workflows.definition_texts import small
from workflows import definitions, drafts, presence
from workflows.edits import Edit
from workflows.errors import DraftMoved, EditRefused, NothingToUndo
from workflows.models import DefinitionRevision, Presence, Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
ANN = Actor(kind="user", id="00000000-0000-7000-8000-00000000000a", name="Ann")
BOB = Actor(kind="user", id="00000000-0000-7000-8000-00000000000b", name="Bob")


@pytest.fixture
def first(in_acme: Tenant) -> DefinitionRevision:
    text = small().replace("  - id: answer", "  # Legal has read this prompt.\n  - id: answer")
    return definitions.save(workflow=None, text=text, by=ANN)


def prompt(text: str) -> list[Edit]:
    return [Edit(name="set_field", arguments={"node": "answer", "field": "prompt", "value": text})]


def change(base: DefinitionRevision, text: str, by: Actor = ANN) -> DefinitionRevision:
    return drafts.edit(workflow=base.workflow, edits=prompt(text), base=base, by=by).revision


def head(of: DefinitionRevision) -> DefinitionRevision:
    found = drafts.find_head(of.workflow)
    assert found is not None
    return found


def test_an_edit_is_a_revision_that_says_what_it_did_and_keeps_comments(
    first: DefinitionRevision,
) -> None:
    second = change(first, "Shorter.")

    assert (second.number, second.parent) == (2, first)
    assert second.summary == "Changed prompt of “answer”"
    assert "# Legal has read this prompt." in second.source
    assert second.spec["nodes"][1]["prompt"] == "Shorter."
    entry = LedgerEntry.objects.order_by("-id").first()
    assert entry is not None
    assert entry.event == "revision.saved"


def test_an_edit_that_changes_nothing_makes_no_revision(first: DefinitionRevision) -> None:
    written = first.spec["nodes"][1]["prompt"]

    assert change(first, written) == first
    assert DefinitionRevision.objects.count() == 1


def test_the_same_edit_sent_twice_is_one_revision(first: DefinitionRevision) -> None:
    once = change(first, "Shorter.")
    again = change(first, "Shorter.")

    assert again == once
    assert DefinitionRevision.objects.count() == 2


def test_an_edit_of_what_another_person_changed_is_refused_and_made_on_top(
    first: DefinitionRevision,
) -> None:
    title = [
        Edit(name="set_field", arguments={"node": "answer", "field": "title", "value": "Hers"})
    ]
    drafts.edit(workflow=first.workflow, edits=title, base=first, by=BOB)

    with pytest.raises(DraftMoved):
        change(first, "Mine.")
    merged = change(head(first), "Mine.")

    assert merged.spec["nodes"][1]["title"] == "Hers"
    assert merged.spec["nodes"][1]["prompt"] == "Mine."


def test_the_same_edit_of_two_people_is_not_taken_for_a_double_click(
    first: DefinitionRevision,
) -> None:
    change(first, "Shorter.")

    with pytest.raises(DraftMoved):
        change(first, "Shorter.", by=BOB)


def test_a_refused_edit_saves_nothing(first: DefinitionRevision) -> None:
    with pytest.raises(EditRefused):
        drafts.edit(
            workflow=first.workflow,
            edits=[Edit(name="remove", arguments={"node": "nobody"})],
            base=first,
            by=ANN,
        )

    assert head(first) == first


def test_undo_and_redo_walk_the_line_of_parents(first: DefinitionRevision) -> None:
    second = change(first, "Two.")
    third = change(second, "Three.")
    workflow = first.workflow

    assert drafts.undo(workflow=workflow, base=third, by=ANN) == second
    assert drafts.undo(workflow=workflow, base=second, by=ANN) == first
    with pytest.raises(NothingToUndo):
        drafts.undo(workflow=workflow, base=first, by=ANN)
    assert drafts.redo(workflow=workflow, base=first, by=ANN) == second
    assert drafts.redo(workflow=workflow, base=second, by=ANN) == third
    with pytest.raises(NothingToUndo):
        drafts.redo(workflow=workflow, base=third, by=ANN)
    moves = LedgerEntry.objects.filter(event="draft.moved")
    assert [entry.facts["way"] for entry in moves.order_by("id")] == [
        "undo",
        "undo",
        "redo",
        "redo",
    ]


def test_a_change_after_an_undo_has_a_number_of_its_own_and_ends_the_redo(
    first: DefinitionRevision,
) -> None:
    second = change(first, "Two.")
    drafts.undo(workflow=first.workflow, base=second, by=ANN)

    third = change(head(first), "Instead.")

    assert (third.number, third.parent) == (3, first)
    assert drafts.find_redo(Workflow.objects.get()) is None
    assert DefinitionRevision.objects.filter(number=2).exists()


def test_undo_brings_back_title_and_data_class(first: DefinitionRevision) -> None:
    edits = [
        Edit(name="set_top", arguments={"field": "title", "value": "Other"}),
        Edit(name="set_top", arguments={"field": "data_class", "value": "restricted"}),
    ]
    second = drafts.edit(workflow=first.workflow, edits=edits, base=first, by=ANN).revision

    drafts.undo(workflow=first.workflow, base=second, by=ANN)

    workflow = Workflow.objects.get()
    assert (workflow.title, workflow.label.word) == ("Small one", "internal")


def test_undo_of_what_is_not_the_draft_any_more_is_refused(first: DefinitionRevision) -> None:
    second = change(first, "Two.")
    change(second, "Three.", by=BOB)

    with pytest.raises(DraftMoved):
        drafts.undo(workflow=first.workflow, base=second, by=ANN)


def test_going_back_is_a_revision_of_its_own(first: DefinitionRevision) -> None:
    second = change(first, "Two.")

    third = drafts.go_back(workflow=first.workflow, to=first, base=second, by=ANN)

    assert (third.number, third.source) == (3, first.source)
    assert third.summary == "Back to revision 1"


def test_a_draft_that_cannot_be_read_has_an_etag_too(first: DefinitionRevision) -> None:
    broken = definitions.save(workflow=first.workflow, text="nodes: [", by=SYSTEM)

    assert drafts.etag(broken) != drafts.etag(first)
    assert drafts.etag(broken).startswith('"2-')


def see(workflow: Workflow, by: Actor) -> list[Any]:
    return [
        (each.person_name, each.node) for each in presence.find_others(workflow=workflow, by=by)
    ]


def test_others_see_where_somebody_is_until_a_minute_after_they_left(
    first: DefinitionRevision, beta: Tenant
) -> None:
    workflow = first.workflow
    presence.tell(workflow=workflow, node="answer", by=ANN)
    presence.tell(workflow=workflow, node="result", by=ANN)

    assert see(workflow, BOB) == [("Ann", "result")]
    assert see(workflow, ANN) == []
    with tenant_context(beta):
        assert Presence.objects.count() == 0

    Presence.objects.update(seen_at=now() - timedelta(minutes=2))
    assert see(workflow, BOB) == []
    presence.tell(workflow=workflow, node="", by=BOB)
    assert Presence.objects.count() == 1
