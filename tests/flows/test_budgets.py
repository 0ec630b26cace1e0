"""Budgets under fire: a hundred calls at once where there is money for ten, and sums that agree in every way.

Real workers and a real beat, each a process of its own; what left is counted at the model's own server.
"""

import csv
import io
import os
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.db.models import Sum

from compliance.models import Alert
from runs import cancel, costs
from runs.models import Decision, ModelCall, NodeExecution, Run, RunClaim, RunFacts, Worker
from tenancy import actors
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs import definitions
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    finish,
    make_deployment,
    make_run,
    make_version,
    statuses,
    wait_until,
)
from tests.runs.scripted_model import Answer, ScriptedModel
from workflows import budget_use, budgets, model_groups
from workflows.models import Budget, BudgetCounter, Deployment, ModelGroup, WorkflowVersion
from workflows.providers import register

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

A_CALL = 500_000  # micro-units: five tokens out, those in are free
ASK = (
    definitions.HEAD
    + """  - id: ask
    kind: llm
    title: Ask
    after: [start]
    model_group: default
    prompt: "{{{{ start.text }}}}"
    max_tokens: MOST
    retry: {{attempts: 3, wait_seconds: 0.1, on: [model_server]}}
  - {{id: result, kind: output, title: Result, after: [ask], value: {{said: "{{{{ ask.text }}}}"}}}}
"""
)
EXACT = ASK.replace("MOST", "5")  # what is reserved is what it costs
AMPLE = ASK.replace("MOST", "20")  # four times as much is reserved


def connect(model: ScriptedModel) -> Deployment:
    """A group whose only deployment is this server: 10 tokens in cost nothing, 5 out cost A_CALL."""
    deployment = make_deployment(model.base_url)
    register.set_price(
        deployment=deployment,
        input_micros_per_million=0,
        output_micros_per_million=A_CALL * 1_000_000 // 5,
        by=actors.SYSTEM,
    )
    model_groups.create(name="default", deployments=[deployment], by=actors.SYSTEM)
    return deployment


def use_of(budget: Budget) -> tuple[int, int]:
    (use,) = budget_use.uses([budget])
    return use.used, use.reserved


def denials() -> list[Decision]:
    return list(Decision.objects.filter(verdict="deny"))


@pytest.mark.parametrize("text", [EXACT, AMPLE], ids=["exact", "ample"])
def test_of_a_hundred_calls_at_once_those_leave_that_there_is_money_for(
    in_acme: Tenant, live_stack: "LiveStack", text: str
) -> None:
    """Answers are held back until all hundred were decided: so many calls are under way at once, and no more."""
    reserved = A_CALL * (4 if text is AMPLE else 1)
    answered = threading.Event()

    def script(prompt: str) -> Answer:
        answered.wait(PATIENCE_SECONDS)
        return f"fine: {prompt}"

    with ScriptedModel(script) as model:
        connect(model)
        version = make_version(text)
        budget = budgets.create(
            name="ten-calls", amount=10 * reserved, currency="EUR", period="total", by=actors.SYSTEM
        )
        try:
            live_stack.start_beat()
            for number in (1, 2):
                live_stack.start_worker(number, slots=60)
            runs = [make_run(version, n=n, text=f"call {n}") for n in range(100)]
            wait_until(lambda: Run.objects.filter(status="failed").count() == 90)
            while_held = len(model.prompts), use_of(budget)
            answered.set()
            for run in runs:
                finish(run)
            wait_until(lambda: Alert.objects.filter(key__endswith=":100").exists())
        finally:
            answered.set()
            live_stack.stop_all()

        assert while_held == (10, (0, 10 * reserved))
        assert len(model.prompts) == len(set(model.prompts)) == 10

    denied = denials()
    assert len(denied) == 90
    assert {each.code for each in denied} == {"budget_exceeded"}
    told = f"allows {reserved * 10 / 1_000_000:.2f} EUR in all: "
    assert all(f"“ten-calls” {told}" in each.reason for each in denied)
    assert ModelCall.objects.count() == 10
    assert Run.objects.filter(status="completed").count() == 10
    assert {statuses(run)["ask"] for run in runs} == {"completed", "failed"}
    assert use_of(budget) == (10 * A_CALL, 0)
    assert BudgetCounter.objects.get().refused == 90
    told = list(Alert.objects.order_by("id").values_list("key", flat=True))
    assert [key.rpartition(":")[2] for key in told] == ["50", "80", "100"]
    assert budget_use.tell() == 0


def test_sums_agree_whatever_became_of_the_calls(in_acme: Tenant, live_stack: "LiveStack") -> None:
    """Completed, tried again, refused by the provider, interrupted by the worker's death, and late after a cancel."""
    held, broken = threading.Event(), []

    def script(prompt: str) -> Answer:
        if "refused" in prompt:
            return 400, '{"error": {"message": "no"}}'
        if "again" in prompt and prompt not in broken:
            broken.append(prompt)
            return 500, "{}"
        if "late" in prompt or ("lost" in prompt and model.prompts.count(prompt) == 1):
            held.wait(PATIENCE_SECONDS)
        return "fine"

    with ScriptedModel(script) as model:
        connect(model)
        version = make_version(AMPLE)
        money = budgets.create(
            name="money", amount=10**12, currency="EUR", period="total", by=actors.SYSTEM
        )
        tokens = budgets.create(
            name="tokens", amount=10**6, unit="tokens", workflow=version.workflow, by=actors.SYSTEM
        )
        try:
            live_stack.start_worker(1)
            for run in [make_run(version, n=n, text=f"fine {n}") for n in range(7)]:
                finish(run)
            finish(make_run(version, text="again", n=1))
            finish(make_run(version, text="refused", n=1))
            lost = make_run(version, text="lost", n=1)
            wait_until(lambda: "lost" in model.prompts)
            claim = RunClaim.objects.get(run_id=lost.pk)
            os.kill(Worker.objects.get(pk=claim.worker_id).pid, signal.SIGKILL)
            live_stack.start_worker(2)
            finish(lost)
            late = make_run(version, text="late", n=1)
            wait_until(lambda: "late" in model.prompts)
            cancel.cancel(run=late, by=actors.SYSTEM)
            held.set()
            wait_until(lambda: not ModelCall.objects.filter(status="intended").exists())
            wait_until(lambda: ModelCall.objects.filter(status="late").exists())
        finally:
            held.set()
            live_stack.stop_all()

    became = set(ModelCall.objects.values_list("status", flat=True))
    assert became >= {"completed", "failed", "interrupted", "late"}
    # Seven, one tried again, one asked again, one late; of the interrupted one nobody knows: what was reserved counts.
    expected = (7 + 1 + 1 + 1) * A_CALL + 4 * A_CALL
    assert sums() == {expected}
    assert use_of(money) == (expected, 0)
    per_call = ModelCall.objects.exclude(status="interrupted")
    seen = per_call.aggregate(sum=Sum("tokens_in") + Sum("tokens_out"))["sum"]
    interrupted = ModelCall.objects.get(status="interrupted")
    assert use_of(tokens) == (seen + interrupted.reserved_tokens, 0)
    assert pages(in_acme) == {expected}


def sums() -> set[int]:
    """As calls, attempts of nodes, runs and facts of runs have it."""
    return {
        ModelCall.objects.aggregate(sum=Sum("cost_micros"))["sum"],
        NodeExecution.objects.aggregate(sum=Sum("cost_micros"))["sum"],
        Run.objects.aggregate(sum=Sum("cost_micros"))["sum"],
        RunFacts.objects.aggregate(sum=Sum("spent_micros"))["sum"],
    }


def pages(tenant: Tenant) -> set[int]:
    """As the page of costs, its file and the API tell it, put together in every way."""
    client = factories.make_client(factories.make_member(tenant=tenant, role=Role.OPERATOR))
    found = set()
    for by in costs.GROUPS:
        told = client.get(f"/api/v1/costs?by={by}").json()
        (total,) = told["totals"]
        lines = csv.DictReader(
            io.StringIO(client.get(f"/costs/export.csv?by={by}").content.decode())
        )
        parts = [each["cost"]["amount"] for each in [*told["items"], *told["others"]]]
        shown = client.get(f"/costs/?by={by}").content.decode()
        assert f"<b>€{total['cost']['amount']}</b>" in shown
        found |= {
            to_micros(total["cost"]["amount"]),
            sum(to_micros(part) for part in parts),
            sum(to_micros(line["cost"]) for line in lines),
        }
    return found


def to_micros(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0"))


# -- one call at a time -------------------------------------------------------------------------------


@pytest.fixture
def model(in_acme: Tenant) -> Iterator[ScriptedModel]:
    with ScriptedModel() as server:
        connect(server)
        yield server


@pytest.fixture
def version(model: ScriptedModel) -> WorkflowVersion:
    return make_version(EXACT)


@pytest.mark.parametrize("ended", [False, True], ids=["never known", "ended"])
def test_what_has_no_price_is_denied_on_record(in_acme: Tenant, *, ended: bool) -> None:
    with ScriptedModel() as model:
        deployment = connect(model)
        if ended:
            register.end_price(deployment=deployment, by=actors.SYSTEM)
        else:
            unpriced = register.create_deployment(
                provider=deployment.provider,
                name="unpriced",
                model="scripted",
                clearance=deployment.cleared_for,
                by=actors.SYSTEM,
            )
            group = ModelGroup.objects.get(name="default")
            model_groups.repoint(group=group, deployments=[unpriced], by=actors.SYSTEM)

        run = execute(make_run(make_version(EXACT), n=1, text="hello"))

        assert model.prompts == []
    (decision,) = denials()
    assert decision.code == "price_unknown"
    assert "is not known, so nothing may be spent on it" in decision.reason
    assert (run.status, run.error_code) == ("failed", "price_unknown")
    assert not ModelCall.objects.exists()


def test_a_budget_of_another_workflow_denies_nothing_and_one_that_only_tells_neither(
    model: ScriptedModel, version: WorkflowVersion
) -> None:
    other = make_version(EXACT)
    budgets.create(
        name="other", amount=0, currency="EUR", workflow=other.workflow, by=actors.SYSTEM
    )
    tells = budgets.create(
        name="tells", amount=1, currency="EUR", hard_stop=False, by=actors.SYSTEM
    )

    mine = execute(make_run(version, n=1, text="mine"))
    theirs = execute(make_run(other, n=1, text="theirs"))

    assert model.prompts == ["mine"]
    assert (mine.status, theirs.status) == ("completed", "failed")
    assert use_of(tells) == (A_CALL, 0)
    assert budget_use.tell() == 6  # all three of both: one is passed, the other had nothing to give
    assert {alert.name for alert in Alert.objects.all()} == {"tells", "other"}


def test_money_in_another_currency_is_denied_and_says_why(
    model: ScriptedModel, version: WorkflowVersion
) -> None:
    budgets.create(name="dollars", amount=10**9, currency="USD", by=actors.SYSTEM)

    execute(make_run(version, n=1, text="hello"))

    assert model.prompts == []
    (decision,) = denials()
    assert decision.code == "budget_exceeded"
    assert "“dollars” is in USD, and this call is priced in EUR" in decision.reason


def test_a_budget_in_another_currency_that_stops_nothing_counts_nothing(
    model: ScriptedModel, version: WorkflowVersion
) -> None:
    dollars, euros = (
        budgets.create(
            name=currency.lower(),
            amount=10**9,
            currency=currency,
            hard_stop=False,
            by=actors.SYSTEM,
        )
        for currency in ("USD", "EUR")
    )

    execute(make_run(version, n=1, text="hello"))

    assert model.prompts == ["hello"]
    assert (use_of(dollars), use_of(euros)) == ((0, 0), (A_CALL, 0))


def test_more_money_lets_the_next_call_leave_and_an_ended_budget_lets_all(
    model: ScriptedModel, version: WorkflowVersion
) -> None:
    budget = budgets.create(name="one", amount=A_CALL, currency="EUR", by=actors.SYSTEM)
    runs = [execute(make_run(version, n=n, text=f"call {n}")) for n in (1, 2)]
    budgets.change(budget=budget, amount=2 * A_CALL, by=actors.SYSTEM)
    runs += [execute(make_run(version, n=n, text=f"call {n}")) for n in (3, 4)]
    budgets.change(budget=budget, enabled=False, by=actors.SYSTEM)
    runs.append(execute(make_run(version, n=5, text="call 5")))

    assert model.prompts == ["call 1", "call 3", "call 5"]
    assert [run.status == "completed" for run in runs] == [True, False, True, False, True]
