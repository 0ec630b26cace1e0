"""Cases on pages and in the API: written, tried, taken over from a run, and refused in words."""

import json
from typing import Any

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs.making import execute, make_model_group, make_run
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import llm, publish, result
from workflows import cases
from workflows.cases import Content, Expected
from workflows.models import Case, WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

TYPED = {
    "name": "greets",
    "run_input": '{"n": 1}',
    "answers": '{"say": "Hi"}',
    "status": "completed",
    "output": '{"said": "Hi"}',
}


@pytest.fixture
def author(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.AUTHOR))


@pytest.fixture
def reviewer(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.REVIEWER))


@pytest.fixture
def program(acme: Tenant) -> Client:
    return factories.make_program(factories.make_member(tenant=acme, role=Role.AUTHOR))


@pytest.fixture
def talk(acme: Tenant) -> WorkflowVersion:
    with tenant_context(acme):
        make_model_group("http://127.0.0.1:1/v1")
        return publish(llm("say", "Hello", "start"), result({"said": "{{ say.text }}"}, "say"))


def base(version: WorkflowVersion) -> str:
    return f"/runs/cases/{version.workflow.slug}/"


def keep(version: WorkflowVersion, output: Any) -> Case:
    content = Content(run_input={"n": 1}, answers={"say": "Hi"}, expected=Expected(output=output))
    with tenant_context(version.tenant):
        return cases.save(workflow=version.workflow, name="greets", content=content, by=SYSTEM)


def test_an_author_writes_a_case_and_sees_it_pass(author: Client, talk: WorkflowVersion) -> None:
    assert "No case yet" in author.get(base(talk)).content.decode()
    assert "Write a case" in author.get(base(talk)).content.decode()

    shown = author.post(f"{base(talk)}new/", TYPED, follow=True).content.decode()

    assert "The case “greets” is saved." in shown
    assert "Passed" in shown
    typed = author.get(f"{base(talk)}of/greets/").content.decode()
    assert "&quot;said&quot;: &quot;Hi&quot;" in typed


def test_what_does_not_pass_is_said_in_words(reviewer: Client, talk: WorkflowVersion) -> None:
    keep(talk, {"said": "HI"})

    shown = reviewer.get(f"{base(talk)}?version=1").content.decode()

    assert "Not passed" in shown
    assert "output.said is “Hi”, expected “HI”." in shown
    assert "Write a case" not in shown
    assert reviewer.post(f"{base(talk)}new/", TYPED).status_code == 403


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        ({"run_input": "{"}, 422, "This is not JSON: line 1, column 2"),
        ({"answers": "[]"}, 422, "Answers are an object by the paths of nodes."),
        ({"name": "No Name"}, 422, "Enter a valid"),
        ({"status": "running"}, 422, "not one of the available choices"),
        ({"name": "greets"}, 409, "There is a case “greets” already."),
    ],
)
def test_what_cannot_be_saved_is_named_and_stays_in_the_form(
    author: Client, talk: WorkflowVersion, typed: dict[str, str], status: int, said: str
) -> None:
    keep(talk, {"said": "Hi"})

    answer = author.post(f"{base(talk)}new/", TYPED | {"name": "other"} | typed)

    assert answer.status_code == status
    assert said in answer.content.decode()
    assert "&quot;said&quot;: &quot;Hi&quot;" in answer.content.decode()


def test_a_case_is_withdrawn(author: Client, talk: WorkflowVersion) -> None:
    keep(talk, {"said": "Hi"})

    shown = author.post(f"{base(talk)}of/greets/withdraw/", follow=True).content.decode()

    assert "is not asked any more" in shown
    assert author.get(f"{base(talk)}of/greets/").status_code == 404


def test_a_run_is_taken_over(author: Client, acme: Tenant) -> None:
    with ScriptedModel() as model, tenant_context(acme):
        make_model_group(model.base_url)
        version = publish(llm("say", "Hello", "start"), result({"said": "{{ say.text }}"}, "say"))
        run = execute(make_run(version))

    assert "Make a case" in author.get(f"/runs/{run.pk}/").content.decode()
    shown = author.get(f"/runs/{run.pk}/case/").content.decode()

    assert "echo: Hello" in shown
    assert f"as-run-{run.pk.hex[-8:]}" in shown


def test_a_draft_that_cannot_be_read_is_not_tried(author: Client, talk: WorkflowVersion) -> None:
    from workflows import definitions

    keep(talk, {"said": "Hi"})
    with tenant_context(talk.tenant):
        definitions.save(workflow=talk.workflow, text="grove: [", by=SYSTEM)

    assert "Nothing could be tried." in author.get(base(talk)).content.decode()


def test_programs_do_the_same(program: Client, talk: WorkflowVersion) -> None:
    url = f"/api/v1/workflows/{talk.workflow.slug}"
    content = {
        "input": {"n": 1},
        "answers": {"say": "Hi"},
        "expected": {"output": {"said": "Ho"}},
    }

    def send(method: str, path: str, body: Any) -> Any:
        call = getattr(program, method)
        return call(f"{url}{path}", json.dumps(body), content_type="application/json")

    assert send("put", "/cases/greets", content).json()["number"] == 1
    assert program.get(f"{url}/cases/greets").json()["content"]["answers"] == {"say": "Hi"}
    assert [one["name"] for one in program.get(f"{url}/cases").json()] == ["greets"]
    (outcome,) = program.get(f"{url}/case-runs?version=1").json()
    assert (outcome["passed"], outcome["differences"]) == (
        False,
        ["output.said is “Hi”, expected “Ho”."],
    )
    report = send("post", "/dry-runs", {"input": {"n": 1}, "answers": {"say": "Hm"}}).json()
    assert (report["status"], report["output"]) == ("completed", {"said": "Hm"})
    assert [each["node"] for each in report["nodes"]] == ["start", "say", "result"]
    assert program.delete(f"{url}/cases/greets").status_code == 204
    assert program.get(f"{url}/cases/greets").status_code == 404
