"""What calls cost: every way of asking comes to the same total, whatever became of the calls."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from runs import cancel, costs
from runs.costs import Asked
from runs.errors import CostsInvalid
from runs.models import Decision, ModelCall, NodeExecution, Run, RunFacts, Worker
from tenancy import actors
from tenancy.models import Tenant
from tests import factories
from tests.runs import definitions
from tests.runs.calling import get, problem
from tests.runs.making import (
    PATIENCE_SECONDS,
    finish,
    make_deployment,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.scripted_model import Answer, ScriptedModel
from workflows import model_groups
from workflows.models import CostDay, CostMark, Deployment
from workflows.providers import register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

FLAKY = (
    definitions.HEAD
    + """  - id: ask
    kind: llm
    title: Ask
    after: [start]
    model_group: default
    prompt: "{{{{ start.text }}}}"
    max_tokens: 20
    retry: {{attempts: 3, wait_seconds: 0.1, on: [model_connection, model_server, model_bad_request]}}
  - {{id: result, kind: output, title: Result, after: [ask], value: {{said: "{{{{ ask.text }}}}"}}}}
"""
)
EACH = (
    definitions.HEAD
    + """  - id: each
    kind: for_each
    title: Each
    after: [start]
    items: ["a", "b", "c"]
    children_above: ABOVE
    body:
      nodes:
        - {{id: ask, kind: llm, title: Ask, model_group: default, prompt: "{{{{ item }}}}", max_tokens: 20}}
    value: "{{{{ ask.text }}}}"
  - {{id: result, kind: output, title: Result, after: [each], value: {{all: "{{{{ each.items }}}}"}}}}
"""
)


def priced(url: str, *, micros: int = 333_333) -> Deployment:
    """10 tokens in and 5 out cost 5 micro-units, rounded up."""
    deployment = make_deployment(url)
    register.set_price(
        deployment=deployment,
        input_micros_per_million=micros,
        output_micros_per_million=micros,
        by=actors.SYSTEM,
    )
    return deployment


def total(by: str, **facts: Any) -> int:
    since, until = costs.usual()
    asked = Asked(**({"since": since, "until": until, "by": by} | facts))
    told = costs.report(asked)
    parts = sum(line.cost_micros for line in [*told.lines, *told.others])
    assert parts == sum(line.cost_micros for line in told.totals)
    return parts


def all_totals() -> set[int]:
    """As told in every way, and as the rows of calls, attempts of nodes, runs and facts have it."""
    rows = (
        ModelCall.objects.aggregate(sum=Sum("cost_micros"))["sum"],
        NodeExecution.objects.aggregate(sum=Sum("cost_micros"))["sum"],
        Run.objects.aggregate(sum=Sum("cost_micros"))["sum"],
        RunFacts.objects.aggregate(sum=Sum("spent_micros"))["sum"],
    )
    return {total(by) for by in costs.GROUPS} | set(rows)


def test_calls_nodes_runs_and_the_tenant_come_to_the_same(in_acme: Tenant) -> None:
    held, failed_once = threading.Event(), []

    def script(prompt: str) -> Answer:
        if "fails" in prompt:
            return 400, '{"error": {"message": "no"}}'
        if "flaky" in prompt and not failed_once:
            failed_once.append(prompt)
            return 500, "{}"
        if "held" in prompt and not held.is_set():
            held.wait(PATIENCE_SECONDS)
        return "fine"

    with ScriptedModel(script) as model:
        model_groups.create(name="default", deployments=[priced(model.base_url)], by=actors.SYSTEM)
        with running_executor() as executor:
            ended = [
                make_run(make_version(definitions.TALK)),
                make_run(make_version(FLAKY), n=1, text="flaky"),
                make_run(make_version(FLAKY), n=1, text="fails"),
                make_run(make_version(EACH.replace("ABOVE", "10"))),
                make_run(make_version(EACH.replace("ABOVE", "0"))),
            ]
            for run in ended:
                finish(run)
            late = make_run(make_version(FLAKY), n=1, text="held")
            wait_until(lambda: "held" in model.prompts)
            cancel.cancel(run=late, by=actors.SYSTEM)
            interrupted = make_run(make_version(FLAKY), n=1, text="held again")
            wait_until(lambda: "held again" in model.prompts)
            Worker.objects.filter(pk=executor.worker.pk).delete()  # taken for dead
            wait_until(lambda: model.prompts.count("held again") == 2)
            while_some_are_open = all_totals()
            held.set()
            finish(interrupted)
            wait_until(lambda: executor.is_idle)
    statuses = set(ModelCall.objects.values_list("status", flat=True))

    assert statuses >= {"completed", "failed", "late"}
    assert len(while_some_are_open) == 1
    assert len(all_totals()) == 1
    assert total("workflow") >= 5 * (2 + 1 + 3 + 3 + 1 + 1)


# -- rows of the test's own ---------------------------------------------------------------------------


@pytest.fixture
def of_acme(in_acme: Tenant) -> tuple[Run, Deployment]:
    model_groups.create(
        name="default", deployments=[priced("http://127.0.0.1:9/v1")], by=actors.SYSTEM
    )
    return make_run(make_version(definitions.TALK)), Deployment.objects.get()


def make_call(run: Run, at: datetime, **facts: Any) -> ModelCall:
    decision = Decision.objects.filter(run=run).first() or Decision.objects.create(
        run=run,
        node_id="ask",
        attempt=1,
        action_kind="model_call",
        resource_kind="deployment",
        resource_id="small",
        verdict="allow",
        action={},
        action_digest="0" * 64,
        facts={},
        snapshot_id=run.snapshot_id,
        engine_us=1,
        at=at,
    )
    wanted = {
        "node_id": "ask",
        "model_group": "default",
        "status": "completed",
        "cost_micros": 7,
        "tokens_in": 10,
        "tokens_out": 5,
        "deployment": Deployment.objects.order_by("id").first(),
    }
    call: ModelCall = ModelCall.objects.create(
        id=factories.make_id(at),
        run=run,
        decision=decision,
        attempt=1,
        model_requested="m",
        started_at=at,
        **wanted | facts,
    )
    return call


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 12, tzinfo=UTC)


MARCH = {"since": date(2026, 3, 1), "until": date(2026, 3, 31)}
MORE = {
    "node_id": "each[3].ask",
    "secret_name": "key",
    "cost_micros": 11,
    "model_group": "cheap",
}


def test_days_that_are_over_are_added_up_once(of_acme: tuple[Run, Deployment]) -> None:
    run, _ = of_acme
    for number in (1, 1, 2, 3, 9, 10):
        make_call(run, day(number))
        make_call(run, day(number), **MORE)
    make_call(run, day(10), status="intended", cost_micros=0)
    before = {by: total(by, **MARCH) for by in costs.GROUPS}

    assert costs.roll(day(10)) == 8  # the 1st to the 8th: the 9th is yesterday
    assert costs.roll(day(10)) == 0

    assert CostMark.objects.get().until == date(2026, 3, 9)
    assert CostDay.objects.count() == 6
    assert {by: total(by, **MARCH) for by in costs.GROUPS} == before
    assert set(before.values()) == {6 * 18}
    costs.roll_day(date(2026, 3, 1))
    assert total("day", **MARCH) == 6 * 18


def test_a_day_waits_for_calls_that_are_under_way(of_acme: tuple[Run, Deployment]) -> None:
    run, _ = of_acme
    call = make_call(run, day(1), status="intended", cost_micros=0)

    assert costs.roll(day(20)) == 0
    assert total("day", **MARCH) == 0
    ModelCall.objects.filter(pk=call.pk).update(status="interrupted", cost_micros=9)
    assert total("day", **MARCH) == 9
    assert costs.roll(day(20)) == 18
    assert total("day", **MARCH) == 9


def test_nobody_is_waited_for_for_ever(of_acme: tuple[Run, Deployment]) -> None:
    run, _ = of_acme
    make_call(run, day(1), status="intended", cost_micros=0)

    assert costs.roll(day(1) + timedelta(days=40)) > 0


def test_a_tenant_without_calls_has_nothing_to_add_up(in_acme: Tenant) -> None:
    assert costs.roll() == 0
    assert total("workflow") == 0


@pytest.mark.parametrize("rolled", [False, True])
def test_groups_have_names(of_acme: tuple[Run, Deployment], rolled: bool) -> None:
    run, deployment = of_acme
    make_call(run, day(1))
    make_call(run, day(2), **MORE)
    if rolled:
        costs.roll(day(9))

    def lines(by: str) -> list[tuple[str, int]]:
        told = costs.report(Asked(**MARCH, by=by))
        return [(line.name, line.cost_micros) for line in told.lines]

    assert lines("day") == [("2026-03-02", 11), ("2026-03-01", 7)]
    assert lines("workflow") == [(run.workflow.slug, 18)]
    assert lines("node") == [("each.ask", 11), ("ask", 7)]
    assert lines("run") == [(str(run.pk), 18)]
    assert lines("provider") == [(deployment.provider.name, 18)]
    assert lines("deployment") == [(deployment.name, 18)]
    assert lines("model_group") == [("cheap", 11), ("default", 7)]
    assert lines("secret") == [("key", 11), ("no stored secret", 7)]


def test_one_workflow_is_told_alone(of_acme: tuple[Run, Deployment]) -> None:
    run, _ = of_acme
    other = make_run(make_version(definitions.TALK))
    make_call(run, day(1))
    make_call(other, day(1), cost_micros=100)

    assert total("node", **MARCH, workflow=other.workflow) == 100
    costs.roll(day(9))
    assert total("node", **MARCH, workflow=run.workflow) == 7


def test_currencies_are_never_added(of_acme: tuple[Run, Deployment]) -> None:
    run, _ = of_acme
    make_call(run, day(1))
    make_call(run, day(1), currency="USD", cost_micros=9)

    told = costs.report(Asked(**MARCH, by="model_group"))

    assert [(line.currency, line.cost_micros) for line in told.totals] == [("EUR", 7), ("USD", 9)]
    assert len(told.lines) == 2


def test_what_is_not_shown_is_summed(of_acme: tuple[Run, Deployment]) -> None:
    run, _ = of_acme
    make_call(run, day(1))
    make_call(run, day(1), **MORE)
    make_call(make_run(make_version(definitions.TALK)), day(1), cost_micros=1)

    for by in ("node", "run"):
        told = costs.report(Asked(**MARCH, by=by, most=1))
        assert len(told.lines) == 1
        (others,) = told.others
        assert others.cost_micros + told.lines[0].cost_micros == 19
        assert others.calls + told.lines[0].calls == 3


@pytest.mark.parametrize("by", costs.GROUPS)
def test_statements_do_not_grow_with_the_period(of_acme: tuple[Run, Deployment], by: str) -> None:
    run, _ = of_acme
    for number in range(1, 29):
        make_call(run, day(number))
    costs.roll(day(15))

    with CaptureQueriesContext(connection) as asked:
        costs.report(Asked(**MARCH, by=by))

    assert len(asked) <= 5  # with the one of calls outside runs


@pytest.mark.parametrize(
    "facts",
    [
        {"by": "weather"},
        {"since": date(2026, 4, 1)},
        {"since": date(2024, 3, 1)},
        {"by": "run", "since": date(2026, 2, 1)},
    ],
)
def test_what_cannot_be_told_is_refused(in_acme: Tenant, facts: dict[str, Any]) -> None:
    with pytest.raises(CostsInvalid):
        costs.report(Asked(**({**MARCH, "by": "day"} | facts)))


# -- asked for ----------------------------------------------------------------------------------------


def test_programs_ask_for_costs(of_acme: tuple[Run, Deployment], in_acme: Tenant) -> None:
    run, _ = of_acme
    make_call(run, day(1), status="failed")
    make_call(run, day(1), **MORE)
    bob = factories.make_program(factories.make_member(tenant=in_acme))

    told = get(bob, "/api/v1/costs?since=2026-03-01&until=2026-03-31&by=model_group")

    assert told["items"][0] == {
        "key": "cheap",
        "calls": 1,
        "failed": 0,
        "tokens_in": 10,
        "tokens_out": 5,
        "cost": {"amount": "0.000011", "currency": "EUR"},
    }
    assert told["totals"][0]["failed"] == 1
    assert told["others"] == []
    assert get(bob, "/api/v1/costs")["items"] == []  # this month, by workflow


@pytest.mark.parametrize(
    "question", ["by=weather", "since=soon", "since=2026-03-09&until=2026-03-01", "workflow=none"]
)
def test_what_cannot_be_told_says_why(in_acme: Tenant, question: str) -> None:
    member = factories.make_member(tenant=in_acme)

    problem(factories.make_program(member).get(f"/api/v1/costs?{question}"), 422, "costs_invalid")
    page = factories.make_client(member).get(f"/costs/?{question}")
    assert page.status_code == 422
    assert 'role="alert"' in page.content.decode()
    assert factories.make_client(member).get(f"/costs/export.csv?{question}").status_code == 422


def test_people_see_costs_and_take_them_along(
    of_acme: tuple[Run, Deployment], in_acme: Tenant
) -> None:
    run, _ = of_acme
    make_call(run, day(1), cost_micros=12_340_000)
    bob = factories.make_client(factories.make_member(tenant=in_acme))
    question = "since=2026-03-01&until=2026-03-31"

    page = bob.get(f"/costs/?{question}").content.decode()
    assert "€12.34" in page
    assert f"by=node&amp;workflow={run.workflow.slug}" in page
    for by in costs.GROUPS:
        assert bob.get(f"/costs/?{question}&by={by}").status_code == 200
    file = bob.get(f"/costs/export.csv?{question}&by=node")
    assert file["Content-Disposition"].endswith('"costs-2026-03-01-2026-03-31-by-node.csv"')
    assert file.content.decode().splitlines() == [
        "node,calls,failed,tokens_in,tokens_out,cost,currency",
        "ask,1,0,10,5,12.34,EUR",
    ]
