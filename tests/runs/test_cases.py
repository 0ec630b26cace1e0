"""Saved cases: what must pass before a version goes live, kept sealed, and made of what a run met."""

import json
from typing import Any

import pytest

from runs import case_runs
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tests.runs import definitions
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from tests.runs.specs import for_each, llm, publish, result
from workflows import cases, governance, versions
from workflows.cases import Content, Expected
from workflows.errors import CaseInvalid, NotPublishable
from workflows.governance import Rules
from workflows.models import Case, WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def talk(in_acme: Tenant) -> WorkflowVersion:
    make_model_group("http://127.0.0.1:1/v1")
    return publish(llm("say", "Hello", "start"), result({"said": "{{ say.text }}"}, "say"))


def keep(version: WorkflowVersion, name: str = "greets", **what: Any) -> Case:
    expected = Expected(output=what.pop("output", {"said": "Hi"}), **what)
    content = Content(run_input={"n": 1}, answers={"say": "Hi"}, expected=expected)
    return cases.save(workflow=version.workflow, name=name, content=content, by=SYSTEM)


def judged(version: WorkflowVersion) -> dict[str, tuple[str, ...]]:
    outcomes = case_runs.judge_all(version.workflow, version.revision.definition)
    return {outcome.case.name: outcome.differences for outcome in outcomes}


def test_a_case_is_a_revision_and_an_entry_and_its_content_is_sealed(talk: WorkflowVersion) -> None:
    first = keep(talk)
    assert keep(talk) == first
    keep(talk, output={"said": "Hello"})

    numbers = Case.objects.filter(workflow=talk.workflow).values_list("number", flat=True)
    assert list(numbers) == [2, 1]
    assert LedgerEntry.objects.filter(event="case.saved").count() == 2
    assert b"Hi" not in bytes(first.content_sealed)
    cases.withdraw(case=first, by=SYSTEM)
    assert cases.current(talk.workflow) == []


def test_what_is_not_as_expected_is_said_in_words(talk: WorkflowVersion) -> None:
    keep(talk)
    keep(talk, "shouts", output={"said": "HI", "loud": True})
    keep(talk, "fails", status="failed", error_code="no_answer")

    assert judged(talk) == {
        "greets": (),
        "shouts": ("output.said is “Hi”, expected “HI”.", "output.loud is missing."),
        "fails": ("It ended completed, expected failed",),
    }


def test_one_failing_case_blocks_publication_where_the_rules_ask_for_cases(
    talk: WorkflowVersion,
) -> None:
    versions.retire(version=talk, by=SYSTEM)
    governance.set_rules(rules=Rules(cases_must_pass=True), reason="Audit.", by=SYSTEM)
    with pytest.raises(NotPublishable, match="There is no saved case"):
        versions.publish(version=talk, by=SYSTEM)

    keep(talk)
    keep(talk, "shouts", output={"said": "HI"})
    with pytest.raises(NotPublishable, match=r"Case “shouts” does not pass: output\.said is “Hi”"):
        versions.publish(version=talk, by=SYSTEM)

    keep(talk, "shouts", output={"said": "Hi"})
    versions.publish(version=talk, by=SYSTEM)
    assert talk.is_published


def test_a_case_made_of_a_run_passes_against_its_version(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        body = [llm("say", "Hello {{ item }}")]
        version = publish(
            for_each("all", body, "{{ say.text }}", "start"), result("{{ all }}", "all")
        )
        run = execute(make_run(version, items=["a", "b"]))
    content = case_runs.of_run(run)

    assert content.answers == {"all[0].say": "echo: Hello a", "all[1].say": "echo: Hello b"}
    assert content.expected.output["items"] == ["echo: Hello a", "echo: Hello b"]
    cases.save(workflow=version.workflow, name="as-then", content=content, by=SYSTEM)
    assert judged(version) == {"as-then": ()}


@pytest.mark.parametrize(
    ("name", "what", "said"),
    [
        ("No Name", {}, "small letters, digits and hyphens"),
        ("x", {"status": "running"}, "A run ends completed"),
        ("x", {"output": "y" * 1_000_001}, "at most 1,000,000 are kept"),
    ],
)
def test_what_is_no_case_is_refused(
    talk: WorkflowVersion, name: str, what: dict[str, Any], said: str
) -> None:
    with pytest.raises(CaseInvalid, match=said):
        keep(talk, name, **what)
    assert not Case.objects.filter(workflow=talk.workflow).exists()


def test_a_case_of_another_tenant_is_not_there(talk: WorkflowVersion, beta: Tenant) -> None:
    keep(talk)
    with tenant_context(beta):
        make_version(definitions.CHAIN)
        assert not Case.objects.exists()


def test_a_case_reads_what_it_wrote(talk: WorkflowVersion) -> None:
    content = cases.open_content(keep(talk))
    assert Content.from_json(json.loads(json.dumps(content.to_json()))) == content
