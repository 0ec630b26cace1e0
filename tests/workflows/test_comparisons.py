"""Two versions side by side: over the API, on the page, and with what changed around them."""

from pathlib import Path

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import comparisons, definitions, source_parts, versions
from workflows.definition import build
from workflows.differences import Category, compare
from workflows.errors import SideUnknown
from workflows.models import Provider, Workflow
from workflows.providers import register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

API = "/api/v1/workflows/small-one"


@pytest.fixture
def workflow(in_acme: Tenant) -> Workflow:
    """Published at version 1, with a newer draft that asks otherwise."""
    make_group()
    first = definitions.save(workflow=None, text=small(), by=SYSTEM)
    versions.publish(version=versions.create(revision=first, by=SYSTEM), by=SYSTEM)
    definitions.save(workflow=first.workflow, text=small(prompt="Be polite:"), by=SYSTEM)
    return Workflow.objects.with_pointers().get()


def browser(tenant: Tenant, role: Role = Role.REVIEWER) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


def test_without_names_it_goes_from_what_is_published_to_the_newest(workflow: Workflow) -> None:
    found = comparisons.of_names(workflow, "", "")

    assert found.before is not None
    assert (found.before.name, found.after.name) == ("1", "r2")
    assert [each.sentence for each in found.difference.changes] == [
        "Node “answer”: the prompt reads otherwise: 1 word came, 1 word went."
    ]
    assert found.around == ()
    assert '-    prompt: "Be brief: {{ letter.text }}"' in found.lines


def test_papers_that_were_lost_since_are_named(workflow: Workflow) -> None:
    register.change_provider(provider=Provider.objects.get(), dpa=False, by=SYSTEM)

    found = comparisons.of_names(workflow, "1", "r2")

    assert [each.sentence for each in found.around] == [
        "The deployment “small-eu” is without data processing agreement now."
    ]
    assert found.risk.level.word == "high"


@pytest.mark.parametrize("name", ["7", "r9", "x", "r0", "-1"])
def test_what_is_not_there_cannot_be_compared(workflow: Workflow, name: str) -> None:
    with pytest.raises(SideUnknown):
        comparisons.of_names(workflow, name, "")


def test_the_page_shows_words_graph_and_lines(workflow: Workflow) -> None:
    page = browser(workflow.tenant).get("/workflows/small-one/compare/?from=1&to=r2")
    shown = page.content.decode()

    assert page.status_code == 200
    assert "1 change in behaviour" in shown
    assert "<del>brief</del><ins>polite</ins>" in shown
    assert "n--diff" in shown
    assert "Changed: Answer." in shown
    assert 'id="c-answer"' in shown
    assert 'href="#c-answer"' in shown
    assert '<span class="out">-    prompt' in shown


@pytest.mark.parametrize(
    "text",
    [
        "name: small-one\nnodes: [",
        small().replace("after: [letter]", "after: [lettre]"),
        small().replace("after: [letter]", "after: [result]"),
    ],
)
def test_a_draft_that_cannot_be_read_is_shown_line_by_line_alone(
    workflow: Workflow, text: str
) -> None:
    definitions.save(workflow=workflow, text=text, by=SYSTEM)

    page = browser(workflow.tenant).get("/workflows/small-one/compare/")

    assert "cannot be read yet" in page.content.decode()
    assert 'class="out"' in page.content.decode()


def test_the_api_says_the_same(workflow: Workflow) -> None:
    said = browser(workflow.tenant).get("/api/v1/workflows/small-one/differences").json()

    assert said["from"]["version"] == 1
    assert said["to"] == {"version": None, "revision": 2, "digest": workflow.head.digest}
    assert said["headline"] == "1 change in behaviour"
    (change,) = said["behaviour"]
    assert (change["category"], change["level"], change["pointer"]) == (
        "prompt",
        "medium",
        "/nodes/1/prompt",
    )
    assert said["risk"]["reviewers"] == 0


def test_prompts_are_left_out_for_who_may_not_read_content(workflow: Workflow) -> None:
    """An auditor reads no content: that the prompt changed stays, its text and the lines go."""
    auditor = browser(workflow.tenant, Role.AUDITOR)

    page = auditor.get("/workflows/small-one/compare/").content.decode()
    (change,) = auditor.get("/api/v1/workflows/small-one/differences").json()["behaviour"]

    assert "the prompt reads otherwise: 1 word came, 1 word went." in page
    assert "n--diff" in page
    for text in ("<del>brief", "<ins>polite", "Be polite", "Be brief"):
        assert text not in page
    assert "Your role does not show content" in page
    assert (change["parts"], change["is_masked"]) == ([], True)
    assert "1 word came" in change["sentence"]
    (read,) = browser(workflow.tenant).get(f"{API}/differences").json()["behaviour"]
    assert read["is_masked"] is False
    assert {part["text"] for part in read["parts"]} >= {"brief", "polite"}


def test_what_the_next_round_is_told_is_a_prompt_too() -> None:
    before = (Path(__file__).parent / "nested.yaml").read_text()
    after = before.replace('feedback: "{{ critic.wanting }}"', 'feedback: "Shorter, please"')
    assert after != before

    found = compare(*(build(source_parts.read(text, "yaml")) for text in (before, after)))

    (change,) = [each for each in found.behaviour if each.category is Category.PROMPT]
    assert "Shorter" not in change.sentence
    assert "Shorter" in "".join(part.text for part in change.parts)
    assert change.masked().parts == ()


def test_mallory_sees_nothing(workflow: Workflow, beta: Tenant) -> None:
    mallory = browser(beta)

    assert mallory.get("/workflows/small-one/compare/").status_code == 404
    assert mallory.get("/api/v1/workflows/small-one/differences").status_code == 404
    assert browser(workflow.tenant).get("/workflows/small-one/compare/?from=9").status_code == 404


def test_the_page_of_versions_tells_the_lineage(workflow: Workflow) -> None:
    head = workflow.head
    assert head is not None
    versions.publish(version=versions.create(revision=head, by=SYSTEM), by=SYSTEM, reason="Politer")

    page = browser(workflow.tenant).get("/workflows/small-one/versions/")
    shown = page.content.decode()

    assert [each.superseded_numbers for each in page.context["versions"]] == [[1], []]
    assert "/workflows/small-one/compare/?from=1&amp;to=2" in shown
    assert "Politer" in shown
