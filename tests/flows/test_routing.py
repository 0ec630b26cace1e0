"""The first deployment is down, slow, rate-limited, without valid papers, or in the wrong place: the right one answers,
or the call is refused with the reason. And what the egress report says is what the servers themselves wrote down.

A real worker, real HTTP servers; each scenario has deployments of its own.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from django.utils.timezone import now

from runs import egress
from runs.egress_rows import Question
from runs.models import Decision, ModelCall, Run, RunEvent
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.runs.making import execute, finish, make_deployment, make_run, make_version
from tests.runs.nobody import nobody_listens
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_tool_calls import asking, make_destination
from workflows import model_groups
from workflows.models import Deployment, TrialPurpose
from workflows.providers import register, trials

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ASK = """grove: 1
name: {name}
title: A test
data_class: CLASS
nodes:
  - {{id: start, kind: input, title: Start, labels: {{residency: [eu]}},
     schema: {{type: object, properties: {{n: {{type: integer}}}}}}}}
  - {{id: ask, kind: llm, title: Ask, after: [start], model_group: GROUP, max_tokens: 20,
     prompt: "CLASS {{{{ start.n }}}}", timeout_seconds: 3}}
  - {{id: result, kind: output, title: Result, after: [ask], value: {{said: "{{{{ ask.text }}}}"}}}}
"""
UNREACHABLE, UNFIT = ("down", "slow", "limited"), ("expired", "foreign")
TROUBLES = (*UNREACHABLE, *UNFIT)
# What becomes of a node when a deployment with this trouble was the last one.
CODES = {
    "down": "model_connection",
    "slow": "model_timeout",
    "limited": "model_rate_limited",
    "expired": "denied",
    "foreign": "denied",
}
LEFT_OUT = {"expired": "papers_expired", "foreign": "residency"}
AFTER = {"down": "connection", "slow": "timeout", "limited": "rate_limited"}


@dataclass
class Scenario:
    """A group whose deployments have these troubles, one each or "a+b", in this order; "well" has none."""

    troubles: tuple[str, ...]
    data_class: str = "internal"
    deployments: dict[str, Deployment] = field(default_factory=dict)
    servers: dict[str, ScriptedModel] = field(default_factory=dict)
    run: Run | None = None

    def name_of(self, trouble: str) -> str:
        return str(self.deployments[trouble].name)

    @property
    def asked(self) -> list[str]:
        """Those whose servers were asked, however often."""
        return [trouble for trouble, server in self.servers.items() if server.prompts]

    @property
    def decisions(self) -> list[tuple[str, str]]:
        rows = Decision.objects.filter(run=self.run).order_by("id")
        return list(rows.values_list("verdict", "resource_name"))

    def events(self, name: str) -> list[dict[str, object]]:
        rows = RunEvent.objects.filter(run=self.run, name=name).order_by("seq")
        return list(rows.values_list("body", flat=True))


SCENARIOS = {
    **{f"{each}, then well": Scenario((each, "well")) for each in TROUBLES},
    **{f"{each} alone": Scenario((each,), "confidential") for each in TROUBLES},
    "all, then well": Scenario((*TROUBLES, "well"), "confidential"),
    "all alone": Scenario(TROUBLES),
    "unfit alone": Scenario(UNFIT),
    "expired and down at once, then well": Scenario(("expired+down", "well")),
    "foreign and slow at once": Scenario(("foreign+slow",)),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def build(number: int, scenario: Scenario, servers: ExitStack) -> None:
    """Deployments, group, a published version, and only then the troubles: publishing refuses the unfit."""
    for trouble in scenario.troubles:
        if "down" in trouble:
            address = servers.enter_context(nobody_listens())
        else:
            model = servers.enter_context(_server(trouble))
            scenario.servers[trouble], address = model, model.base_url
        scenario.deployments[trouble] = make_deployment(address)
    model_groups.create(
        name=f"group-{number}", deployments=list(scenario.deployments.values()), by=SYSTEM
    )
    text = ASK.replace("CLASS", scenario.data_class).replace("GROUP", f"group-{number}")
    version = make_version(text)
    for trouble, deployment in scenario.deployments.items():
        if "expired" in trouble:
            yesterday = now().date() - timedelta(days=1)
            register.change_provider(
                provider=deployment.provider, papers_expire_on=yesterday, by=SYSTEM
            )
        if "foreign" in trouble:
            register.change_provider(provider=deployment.provider, region="us", by=SYSTEM)
    scenario.run = make_run(version)


def _server(trouble: str) -> ScriptedModel:
    if "limited" in trouble:
        return ScriptedModel(lambda prompt: (429, "{}", {"Retry-After": "60"}))
    return ScriptedModel(seconds=6 if "slow" in trouble else 0)


def check_answer(scenario: Scenario) -> None:
    """The one that is well answers; who came before it was asked or passed over, as its trouble is."""
    assert scenario.run is not None
    assert scenario.run.status == "completed"
    tried = [each for each in scenario.troubles if each in (*UNREACHABLE, "well")]
    assert scenario.decisions == [("allow", scenario.name_of(each)) for each in tried]
    calls = ModelCall.objects.filter(run=scenario.run).order_by("id").select_related("deployment")
    assert [call.deployment.name for call in calls] == [scenario.name_of(each) for each in tried]
    heard = {trouble: server.prompts for trouble, server in scenario.servers.items()}
    assert scenario.asked == [each for each in tried if each != "down"], heard
    told = [
        (each["from"], each["to"], each["after"]) for each in scenario.events("provider.failover")
    ]
    assert told == [
        (scenario.name_of(one), scenario.name_of(other), AFTER[one])
        for one, other in pairwise(tried)
    ]
    check_left_out(scenario)


def check_left_out(scenario: Scenario) -> None:
    """Who may not see the data is named with the reason, once, and got nothing."""
    expected = [
        (scenario.name_of(each), LEFT_OUT[each.partition("+")[0]])
        for each in scenario.troubles
        if each.partition("+")[0] in UNFIT
    ]
    told = scenario.events("provider.left_out")
    assert [
        (out["name"], out["code"])
        for each in told
        for out in each["left_out"]  # type: ignore[attr-defined]
    ] == expected
    assert len(told) == bool(expected)


def check_refusal(scenario: Scenario) -> None:
    """Nobody answers: the last failure is told, or the refusal of the first that may not see it, which is on record."""
    assert scenario.run is not None
    assert scenario.run.status == "failed"
    tried = [each for each in scenario.troubles if each in UNREACHABLE]
    unfit = [each for each in scenario.troubles if each not in UNREACHABLE]
    refused = unfit[:1]
    assert scenario.decisions == [
        *(("allow", scenario.name_of(each)) for each in tried),
        *(("deny", scenario.name_of(each)) for each in refused),
    ]
    assert scenario.run.error_code == CODES[(refused or tried[-1:])[0].partition("+")[0]]
    if refused:
        why = "expired" if "expired" in refused[0] else "us"
        assert why in Decision.objects.get(run=scenario.run, verdict="deny").reason
        assert why in scenario.run.error_sentence
    if tried:
        check_left_out(scenario)
    calls = ModelCall.objects.filter(run=scenario.run).order_by("id").select_related("deployment")
    assert [call.deployment.name for call in calls] == [scenario.name_of(each) for each in tried]
    heard = {trouble: server.prompts for trouble, server in scenario.servers.items()}
    assert scenario.asked == [each for each in tried if each != "down"], heard


def test_right_one_answers_or_the_call_is_refused_and_the_report_is_what_the_servers_saw(
    in_acme: Tenant, live_stack: "LiveStack", servers: ExitStack
) -> None:
    for number, scenario in enumerate(SCENARIOS.values()):
        build(number, scenario, servers)
    live_stack.start_worker()
    try:
        for scenario in SCENARIOS.values():
            assert scenario.run is not None
            scenario.run = finish(scenario.run)
        well = SCENARIOS["limited, then well"]
        again = finish(make_run(well.run.version))  # type: ignore[union-attr]
    finally:
        live_stack.stop_all()

    for name, scenario in SCENARIOS.items():
        try:
            (check_answer if "well" in scenario.troubles else check_refusal)(scenario)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    (left_out,) = RunEvent.objects.filter(run=again, name="provider.left_out")
    assert [each["code"] for each in left_out.body["left_out"]] == ["asked_to_wait"]
    assert (len(well.servers["limited"].prompts), len(well.servers["well"].prompts)) == (1, 2)

    ask_beside_the_runs(well)
    check_report()


def ask_beside_the_runs(scenario: Scenario) -> None:
    """A tool call, a person's test and a probe: they leave the house, too."""
    trials.run(deployment=scenario.deployments["well"], by=SYSTEM)
    trials.run(deployment=scenario.deployments["well"], by=SYSTEM, purpose=TrialPurpose.PROBE)
    with ScriptedHost() as host:
        make_destination(host)
        execute(make_run(make_version(asking(url=host.url))))
    assert len(host.asked) == 1


def check_report() -> None:
    """Per server and class: as many rows as it wrote down. Only where nobody listens there are rows and no server."""
    today = now().date()
    question = Question(since=today - timedelta(days=1), until=date(today.year + 1, 1, 1))
    said: dict[str, Counter[str]] = {}
    rows = egress.rows(question, limit=1_000)
    for row in rows:
        said.setdefault(row.via, Counter())[row.to_json()["data_class"]] += 1
    for scenario in SCENARIOS.values():
        for trouble, deployment in scenario.deployments.items():
            server = scenario.servers.get(trouble)
            if server is not None:
                seen = Counter(
                    "public" if "the word ok" in prompt else prompt.split()[0]
                    for prompt in server.prompts
                )
                assert said.pop(deployment.name, Counter()) == seen, trouble
            else:
                unanswered = [row for row in rows if row.via == deployment.name]
                assert not [row for row in unanswered if row.answered or row.sent]
                assert {row.error_kind for row in unanswered} <= {"not_sent"}
                said.pop(deployment.name, None)
    assert {via: counts.total() for via, counts in said.items()} == {"http_request": 1}
    answer = egress.answer(question)
    assert answer.calls == len([row for row in rows if row.sent])
    assert answer.calls + answer.not_sent == len(rows)
    kinds = Counter(row.kind for row in rows)
    assert (kinds["test"], kinds["probe"], kinds["tool"]) == (1, 1, 1)
    for scenario in SCENARIOS.values():
        for trouble in scenario.troubles:
            if trouble.partition("+")[0] in UNFIT:
                name = scenario.deployments[trouble].provider.name
                where = Question(since=question.since, until=question.until, goes_to=name)
                assert egress.answer(where).word == "no"
