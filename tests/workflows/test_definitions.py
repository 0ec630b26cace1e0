"""Definitions are kept revision by revision, sealed, and never changed."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from tenancy import keys
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tests import factories
from tests.runs.definitions import CHAIN
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import definitions
from workflows.definition import digest
from workflows.errors import (
    DefinitionInvalid,
    DefinitionRenamed,
    RevisionOutdated,
    WorkflowNameTaken,
)
from workflows.models import DefinitionRevision, Documentation, RevisionContent, Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
BROKEN = "grove: 1\nname: small-one\nnodes: ["


def save(text: str = "", workflow: Workflow | None = None, **more: Any) -> DefinitionRevision:
    return definitions.save(workflow=workflow, text=text or small(), by=SYSTEM, **more)


def test_first_save_makes_the_workflow(in_acme: Tenant) -> None:
    revision = save()

    workflow = Workflow.objects.get(slug="small-one")
    assert workflow.head == revision
    assert (revision.number, revision.parent, revision.node_count) == (1, None, 3)
    assert revision.digest == digest(revision.spec)
    assert revision.source == small()
    assert (workflow.title, workflow.label.word) == ("Small one", "internal")
    assert list(LedgerEntry.objects.values_list("event", flat=True)).count("workflow.created") == 1


def test_next_save_is_the_next_revision(in_acme: Tenant) -> None:
    first = save()
    second = save(small(prompt="Be polite:"), workflow=first.workflow, summary="Politer")

    assert (second.number, second.parent, second.summary) == (2, first, "Politer")
    assert second.digest != first.digest
    assert DefinitionRevision.objects.get(pk=first.pk).source == small()


def test_saving_the_same_text_changes_nothing(in_acme: Tenant) -> None:
    make_group()
    first = save()
    entries = LedgerEntry.objects.count()

    again = save(workflow=first.workflow)

    assert again == first
    assert LedgerEntry.objects.count() == entries


def test_import_twice_gives_the_same_digest(in_acme: Tenant) -> None:
    make_group()
    first = definitions.import_definition(text=small(), by=SYSTEM)
    second = definitions.import_definition(text=first.source, by=SYSTEM)

    assert second == first
    assert digest(second.spec) == first.digest


def test_layout_and_order_of_members_do_not_change_the_digest(in_acme: Tenant) -> None:
    make_group()
    first = save()
    second = save("# a comment\n" + small(), workflow=first.workflow)

    assert second.number == 2
    assert second.digest == first.digest


def test_draft_is_saved_with_its_problems(in_acme: Tenant) -> None:
    first = save()
    draft = save(BROKEN, workflow=first.workflow)

    assert draft.number == 2
    assert draft.digest == ""
    assert draft.error_count >= 1
    assert draft.problems[0]["line"] == 3
    with pytest.raises(DefinitionInvalid):
        _ = draft.definition


def test_register_of_models_is_read_only_for_what_asks_one(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dozen statements each time, and a definition is read at each save and at its publication."""
    make_group()
    read: list[int] = []
    known = definitions.register
    monkeypatch.setattr(definitions, "register", lambda: read.append(1) or known())

    save(CHAIN.format(name="asks-nobody"))
    assert read == []

    save()
    assert read == [1]


def test_unknown_model_group_is_a_problem_of_the_draft(in_acme: Tenant) -> None:
    revision = save(small(model_group="nobody"))

    assert any("nobody" in problem["sentence"] for problem in revision.problems)
    assert not revision.is_publishable


def test_import_refuses_problems_and_saves_nothing(in_acme: Tenant) -> None:
    with pytest.raises(DefinitionInvalid) as raised:
        definitions.import_definition(text=small(model_group="nobody"), by=SYSTEM)

    problems = raised.value.extra["problems"]
    assert problems[0]["node"] == "answer"
    assert problems[0]["line"]
    assert not Workflow.objects.exists()


def test_text_without_a_readable_name_makes_no_workflow(in_acme: Tenant) -> None:
    for text in ("nodes: [", "just words", "grove: 1\nname: 'Not A Slug'\n"):
        with pytest.raises(DefinitionInvalid):
            save(text)
    assert not Workflow.objects.exists()


def test_name_is_taken_once_and_kept(in_acme: Tenant) -> None:
    first = save()

    with pytest.raises(WorkflowNameTaken):
        save()
    with pytest.raises(DefinitionRenamed, match="“other-one”"):
        save(small(name="other-one"), workflow=first.workflow)


def test_saving_over_somebody_elses_revision_is_refused(in_acme: Tenant) -> None:
    first = save()
    save(small(prompt="Mine:"), workflow=first.workflow, parent=first)

    with pytest.raises(RevisionOutdated):
        save(small(prompt="Yours:"), workflow=first.workflow, parent=first)


def test_prompts_are_sealed(in_acme: Tenant) -> None:
    revision = save(small(prompt="A very secret way of asking:"))

    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT r::text, c::text FROM workflows_definitionrevision r "
            "JOIN workflows_revisioncontent c ON c.revision_id = r.id"
        )
        kept = str(cursor.fetchall())
    assert "secret way" not in kept
    assert b"secret way".hex() not in kept
    assert "secret way" in revision.source


def test_documentation_comes_with_the_definition_but_does_not_overwrite_people(
    in_acme: Tenant,
) -> None:
    from workflows import documentation

    first = save()
    texts = documentation.Texts(purpose="Said by compliance.", owner="Compliance")
    documentation.save(workflow=first.workflow, texts=texts, by=SYSTEM, reason="Clearer")

    save(small(prompt="Other:"), workflow=first.workflow)

    written = list(Documentation.objects.order_by("number").values_list("number", "purpose"))
    assert written == [(1, "Show what a definition is."), (2, "Said by compliance.")]


def _update(model: Any) -> None:
    model.objects.update(tenant_id=None)


def _delete(model: Any) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(f'DELETE FROM "{model._meta.db_table}"')


def _rewrite(model: Any) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(f'UPDATE "{model._meta.db_table}" SET id = id')


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (DefinitionRevision, _rewrite),
        (DefinitionRevision, _delete),
        (RevisionContent, _rewrite),  # may be deleted by a disposal, never updated
        (Workflow, _delete),
    ],
)
def test_database_refuses_to_change_what_was_written(
    in_acme: Tenant, model: Any, change: Callable[[Any], None]
) -> None:
    save()

    with pytest.raises(DatabaseError, match=r"permission denied|is refused"), transaction.atomic():
        change(model)


def test_saving_a_row_again_is_refused_before_the_database(in_acme: Tenant) -> None:
    revision = save()
    revision.summary = "Rewritten"

    with pytest.raises(TypeError, match="never changed"):
        revision.save()


def test_destroyed_key_leaves_nothing_to_read(in_acme: Tenant) -> None:
    from tenancy.errors import KeyDestroyed

    revision = save()
    keys.destroy_data_keys([revision.workflow.data_key_id], by=SYSTEM)

    with pytest.raises(KeyDestroyed):
        _ = DefinitionRevision.objects.get(pk=revision.pk).source


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_savers_at_once_get_numbers_without_gaps() -> None:
    acme = factories.make_tenant()
    with tenant_context(acme):
        workflow = save().workflow
    failures: list[Exception] = []

    def save_one(number: int) -> None:
        try:
            with tenant_context(acme):
                save(small(prompt=f"Number {number}:"), workflow=workflow)
        except Exception as error:  # noqa: BLE001 - a thread's failure is told by the test
            failures.append(error)
        finally:
            for alias in ("default", "keys"):
                connections[alias].close()

    threads = [threading.Thread(target=save_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    with tenant_context(acme):
        numbers = DefinitionRevision.objects.filter(workflow=workflow).values_list(
            "number", flat=True
        )
        assert sorted(numbers) == list(range(1, 10))
        workflow.refresh_from_db()
        assert workflow.head is not None
        assert workflow.head.number == 9
