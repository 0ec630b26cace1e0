"""How complete the texts are: what is missing, what is older than its node, and what that keeps from happening."""

from dataclasses import replace

import pytest
import time_machine

from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import completeness, definitions, documentation, governance, versions
from workflows.documentation import Texts
from workflows.errors import NotPublishable
from workflows.governance import Rules
from workflows.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    make_group()
    with time_machine.travel("2026-11-02T09:00:00Z", tick=False):
        return definitions.save(workflow=None, text=small(), by=SYSTEM).workflow


def save_texts(workflow: Workflow, **texts: str) -> None:
    newest = documentation.find_newest(workflow)
    before = documentation.to_texts(newest) if newest else Texts()
    nodes = dict(before.node_texts) | texts
    documentation.save(workflow=workflow, texts=replace(before, node_texts=nodes), by=SYSTEM)


def look(workflow: Workflow) -> completeness.Completeness:
    draft = completeness.find_draft(workflow)
    assert draft is not None
    return completeness.look(draft)


def test_missing_parts_are_named(workflow: Workflow) -> None:
    found = look(workflow)

    assert found.missing == ("category",)
    assert found.useful == ("legal basis", "people concerned", "retention")
    assert [node.id for node in found.missing_nodes] == ["answer", "result"]
    assert (found.described, found.total, found.is_complete) == (1, 3, False)


def test_a_text_is_stale_when_its_node_does_something_else_now(workflow: Workflow) -> None:
    with time_machine.travel("2026-11-03T09:00:00Z", tick=False):
        save_texts(workflow, answer="Answers.", result="Gives the answer back.")
    with time_machine.travel("2026-11-04T09:00:00Z", tick=False):
        definitions.save(workflow=workflow, text=small(prompt="Be long:"), by=SYSTEM)

    stale = look(workflow).stale_nodes

    assert [(node.id, node.stale_since and node.stale_since.day) for node in stale] == [
        ("answer", 3)
    ]


def test_another_title_makes_nothing_stale(workflow: Workflow) -> None:
    with time_machine.travel("2026-11-03T09:00:00Z", tick=False):
        save_texts(workflow, answer="Answers.")
    retitled = small().replace("title: Answer", "title: The answer")
    definitions.save(workflow=workflow, text=retitled, by=SYSTEM)

    assert look(workflow).stale_nodes == ()


@pytest.mark.parametrize("way", ["rewritten", "confirmed", "changed back"])
def test_what_was_stale_is_no_longer(workflow: Workflow, way: str) -> None:
    with time_machine.travel("2026-11-03T09:00:00Z", tick=False):
        save_texts(workflow, answer="Answers.")
    definitions.save(workflow=workflow, text=small(prompt="Be long:"), by=SYSTEM)
    assert len(look(workflow).stale_nodes) == 1

    newest = documentation.find_newest(workflow)
    assert newest is not None
    texts = documentation.to_texts(newest)
    if way == "rewritten":
        save_texts(workflow, answer="Answers at length.")
    elif way == "confirmed":
        documentation.save(workflow=workflow, texts=texts, by=SYSTEM, confirmed=["answer"])
    else:
        definitions.save(workflow=workflow, text=small(), by=SYSTEM)

    assert look(workflow).stale_nodes == ()


def make_draft_version(workflow: Workflow) -> WorkflowVersion:
    draft = completeness.find_draft(workflow)
    assert draft is not None
    return versions.create(revision=draft, by=SYSTEM)


def test_missing_texts_block_publication_until_they_are_written(workflow: Workflow) -> None:
    governance.set_rules(rules=Rules(documentation_required=True), reason="Policy.", by=SYSTEM)
    version = make_draft_version(workflow)

    with pytest.raises(NotPublishable) as caught:
        versions.publish(version=version, by=SYSTEM)
    told = [(each["code"], each["node"]) for each in caught.value.extra["problems"]]
    assert told == [
        ("category_missing", None),
        ("node_text_missing", "answer"),
        ("node_text_missing", "result"),
    ]
    assert not version.is_published

    newest = documentation.find_newest(workflow)
    assert newest is not None
    texts = documentation.to_texts(newest)
    nodes = dict(texts.node_texts) | {"answer": "Answers.", "result": "Gives it back."}
    documentation.save(
        workflow=workflow,
        texts=replace(texts, category="Service", node_texts=nodes),
        by=SYSTEM,
        reason="To be published.",
    )
    versions.publish(version=version, by=SYSTEM)
    assert version.is_published


def test_without_the_rule_nothing_is_asked(workflow: Workflow) -> None:
    version = make_draft_version(workflow)

    versions.publish(version=version, by=SYSTEM)

    assert version.is_published
