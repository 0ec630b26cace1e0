"""Where data may go by papers and places, from publishing to the call (rows G4 and G5 of what Grove promises)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils.timezone import now

from compliance.labels import DataClass
from runs import egress
from runs.egress_rows import Question
from runs.models import Decision, ModelCall
from tenancy.actors import SYSTEM
from tenancy.errors import GroveError
from tenancy.models import Tenant
from tests.runs.making import execute, make_deployment, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows import model_groups
from workflows.models import Deployment, WorkflowVersion
from workflows.providers import placements, register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

TEXT = """\
grove: 1
name: {name}
title: For a test
data_class: CLASS
nodes:
  - {{id: start, kind: input, title: Start, labels: {{tags: [TAG]}},
     schema: {{type: object, properties: {{n: {{type: integer}}}}}}}}
  - {{id: ask, kind: llm, title: Ask, after: [start], model_group: default, max_tokens: 20,
     prompt: "about {{{{ start.n }}}}"}}
  - {{id: result, kind: output, title: Result, after: [ask], value: {{said: "{{{{ ask.text }}}}"}}}}
"""


def publish(data_class: str, tag: str) -> WorkflowVersion:
    return make_version(TEXT.replace("CLASS", data_class).replace("TAG", tag))


@pytest.fixture
def model(in_acme: Tenant) -> Iterator[ScriptedModel]:
    with ScriptedModel() as server:
        yield server


@pytest.fixture
def abroad(model: ScriptedModel) -> Deployment:
    """The second of a group, at another place than the first; confidential data stays in the EU."""
    deployments = [make_deployment(model.base_url), make_deployment(model.base_url, region="us")]
    model_groups.create(name="default", deployments=deployments, by=SYSTEM)
    placements.name(data_class=DataClass.CONFIDENTIAL, regions=["eu"], providers=[], by=SYSTEM)
    return deployments[1]


@pytest.fixture
def outside(in_acme: Tenant) -> Deployment:
    """Outside the walls, with all papers for health data until next month."""
    deployment = make_deployment(
        "https://models.invalid/v1",
        egress="external",
        papers_expire_on=now().date() + timedelta(days=30),
    )
    model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
    return deployment


def test_group_whose_second_member_is_abroad_is_refused_at_publish(abroad: Deployment) -> None:
    with pytest.raises(GroveError, match=f"member 2, “{abroad.name}”, may not take this call"):
        publish("confidential", "PII")

    publish("internal", "PII")  # what may go there is published


def test_member_that_moves_abroad_later_is_denied_and_gets_nothing(
    abroad: Deployment, model: ScriptedModel
) -> None:
    register.change_provider(provider=abroad.provider, region="eu", by=SYSTEM)
    version = publish("confidential", "PII")
    first = Deployment.objects.exclude(pk=abroad.pk).get()
    for each in (first, abroad):
        register.change_provider(provider=each.provider, region="us", by=SYSTEM)

    run = execute(make_run(version))

    assert (run.status, run.error_code) == ("failed", "denied")
    assert "Confidential data may go to eu only" in run.error_sentence
    decision = Decision.objects.get(run=run)
    assert (decision.verdict, decision.resource_name) == ("deny", first.name)
    assert model.prompts == []
    assert not ModelCall.objects.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"papers_expire_on": now().date() - timedelta(days=1)}, "have expired"),
        ({"baa": False}, "business associate agreement"),
        ({"zero_retention": False}, "zero retention"),
    ],
)
def test_health_data_is_denied_where_a_paper_is_missing_or_over(
    outside: Deployment, change: dict[str, object], reason: str
) -> None:
    version = publish("confidential", "PHI")
    register.change_provider(provider=outside.provider, by=SYSTEM, **change)

    run = execute(make_run(version))

    assert (run.status, run.error_code) == ("failed", "denied")
    assert reason in run.error_sentence
    assert Decision.objects.get(run=run).verdict == "deny"
    today = now().date()
    asked = Question(since=today - timedelta(days=1), until=today, tag="PHI")
    assert egress.answer(asked).sentence == "No: there is no such call."
