"""Quotas where runs start: exactly as many as there are places, and a refusal that says when to come again (row C8)."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from django.utils.timezone import now

from compliance import policies
from compliance.policy import rules
from runs import start, starts
from runs.errors import QuotaExceeded
from runs.models import Decision, ModelCall, Run, RunClaim, RunFacts, RunStatus
from tenancy import actors, quotas
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, QuotaUse, Tenant, new_id
from tenancy.permissions import Role
from tenancy.quotas import Limits
from tests import factories
from tests.runs import definitions
from tests.runs.calling import ask, post, problem
from tests.runs.making import (
    execute,
    finish,
    in_threads,
    make_deployment,
    make_model_group,
    make_run,
    make_version,
    running_executor,
)
from tests.runs.scripted_model import ScriptedModel
from workflows import model_groups
from workflows.models import WorkflowVersion
from workflows.providers import register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

A_DAY = {"money_currency": "EUR", "money_period": "day"}


def limit(**limits: int | str) -> None:
    quotas.set_limits(limits=Limits(**limits), reason="For a test.", by=actors.SYSTEM)  # type: ignore[arg-type]


def refusal(version: WorkflowVersion) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as caught:
        make_run(version)
    return caught.value


def spend(run: Run, *, reserved: int = 0, spent: int = 0) -> None:
    """As the governed door does it: reserved before a call, settled after it."""
    RunFacts.objects.filter(root_run=run).update(
        reserved_micros=F("reserved_micros") + reserved, spent_micros=F("spent_micros") + spent
    )


# -- exactly -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"concurrent_runs": 7}, {"runs_per_hour": 7}])
def test_of_fifty_at_once_exactly_as_many_start_as_may(
    chain: WorkflowVersion, limits: dict[str, int]
) -> None:
    limit(**limits)

    def act(number: int) -> str:
        with tenant_context(chain.tenant):
            return str(make_run(chain).pk)

    outcomes = in_threads(50, act)

    started = {outcome for outcome in outcomes if isinstance(outcome, str)}
    refused = [outcome for outcome in outcomes if isinstance(outcome, QuotaExceeded)]
    assert (len(started), len(refused)) == (7, 43), outcomes
    assert {error.extra["quota"] for error in refused} == set(limits)
    assert Run.objects.filter(workflow=chain.workflow).count() == 7
    assert RunClaim.objects.filter(tenant_id=chain.tenant_id).count() == 7
    assert LedgerEntry.objects.filter(event="run.started").count() == 7
    assert QuotaUse.objects.get(unit="run").used == 7


def test_of_many_with_one_key_all_get_the_one_run_that_there_is_room_for(
    chain: WorkflowVersion,
) -> None:
    limit(concurrent_runs=1)

    def act(number: int) -> object:
        with tenant_context(chain.tenant):
            return start.start(
                version=chain, run_input={"n": 1}, by=actors.SYSTEM, idempotency_key="k"
            ).pk

    assert set(in_threads(10, act)) == {Run.objects.get(workflow=chain.workflow).pk}


def test_a_tenant_does_not_feel_the_quota_of_another(chain: WorkflowVersion, beta: Tenant) -> None:
    limit(concurrent_runs=0)
    refusal(chain)

    with tenant_context(beta):
        make_run(make_version(definitions.CHAIN))


# -- what counts -------------------------------------------------------------------------------------------------------


def test_a_run_that_ended_or_is_parked_leaves_its_place(chain: WorkflowVersion) -> None:
    limit(concurrent_runs=1)
    first = make_run(chain)
    refusal(chain)
    Run.objects.filter(pk=first.pk).update(status=RunStatus.WAITING)
    second = make_run(chain)

    Run.objects.filter(pk=second.pk).update(status=RunStatus.CANCELLED)

    make_run(chain)


def test_child_runs_are_no_starts(chain: WorkflowVersion) -> None:
    limit(concurrent_runs=2, runs_per_hour=2)
    child, root = make_run(chain), make_run(chain)
    Run.objects.filter(pk=child.pk).update(parent_run=root, root_run=root)

    assert refusal(chain).extra["quota"] == "runs_per_hour"
    assert quotas.in_use(Limits())[0].used == 1


def test_the_next_hour_has_places_again(chain: WorkflowVersion) -> None:
    limit(runs_per_hour=1)
    make_run(chain)
    error = refusal(chain)

    hour = now().replace(minute=0, second=0, microsecond=0)
    assert error.extra["frees_at"] == (hour + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert 1 <= error.extra["retry_after"] <= 3600
    assert "may start 1 runs an hour, and has started 1" in error.sentence
    QuotaUse.objects.filter(unit="run").update(hour=hour - timedelta(hours=1))
    make_run(chain)


def test_money_counts_when_it_is_reserved_and_again_when_it_is_settled(
    chain: WorkflowVersion,
) -> None:
    limit(money_micros=1_000_000, **A_DAY)
    run = make_run(chain)

    spend(run, reserved=999_999)
    make_run(chain)  # a limit that is not reached does not refuse
    spend(run, reserved=200_001)
    error = refusal(chain)
    spend(run, reserved=-1_200_000, spent=300_000)
    make_run(chain)

    assert error.extra["limit"] == {"amount": "1.00", "currency": "EUR"}
    assert error.extra["used"] == {"amount": "1.20", "currency": "EUR"}
    assert "may spend 1.00 EUR a day, and 1.20 EUR is spent or reserved" in error.sentence
    assert QuotaUse.objects.get(unit="EUR").used == 300_000


def test_money_that_was_rolled_back_was_never_spent(chain: WorkflowVersion) -> None:
    run = make_run(chain)
    with transaction.atomic():
        spend(run, reserved=5)
        transaction.set_rollback(True)

    assert not QuotaUse.objects.exclude(unit="run").exists()


def test_money_of_calls_at_once_is_counted_to_the_last_micro(chain: WorkflowVersion) -> None:
    runs = [make_run(chain) for _ in range(5)]

    def act(number: int) -> None:
        with tenant_context(chain.tenant):
            for _ in range(10):
                spend(runs[number % 5], reserved=3)

    assert not any(in_threads(20, act))
    assert QuotaUse.objects.get(unit="EUR").used == 20 * 10 * 3


def test_runs_that_are_queued_all_run_and_never_too_many_at_once(in_acme: Tenant) -> None:
    limit(concurrent_runs=2, when_full="queue")
    with ScriptedModel(seconds=0.1) as model:
        make_model_group(model.base_url)
        version = make_version(definitions.TALK)
        runs = [make_run(version) for _ in range(6)]
        with running_executor():
            ended = [finish(run) for run in runs]

    assert {run.status for run in ended} == {"completed"}
    at_once = [
        sum(began <= moment < over for began, over in model.intervals)
        for moment, _ in model.intervals
    ]
    assert max(at_once) <= 2


# -- how it is said ----------------------------------------------------------------------------------------------------


def test_the_api_answers_429_with_the_quota_and_when_to_ask_again(
    bob: Client, chain: WorkflowVersion
) -> None:
    with tenant_context(chain.tenant):
        limit(concurrent_runs=1)
    post(bob, **ask(chain))

    answer = post(bob, key="again", **ask(chain))

    said = problem(answer, 429, "quota_exceeded")
    assert (said["quota"], said["limit"], said["used"]) == ("concurrent_runs", 1, 1)
    assert said["frees_at"] is None
    assert answer["Retry-After"] == str(said["retry_after"]) == "5"
    with tenant_context(chain.tenant):
        assert Run.objects.filter(workflow=chain.workflow).count() == 1
        Run.objects.update(status=RunStatus.CANCELLED)
    assert post(bob, key="again", **ask(chain)).status_code == 202


def test_a_person_reads_a_page_that_says_so(acme: Tenant, chain: WorkflowVersion) -> None:
    limit(concurrent_runs=0)
    browser = factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))

    page = browser.post(f"/runs/start/{chain.workflow.slug}/", {"once": new_id(), "in-n": "1"})

    assert page.status_code == 429
    assert "may have 0 runs under way at once" in page.content.decode()


# -- cheap -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=False, databases=["default", "keys"])
def test_counting_does_not_read_the_runs_that_ended(chain: WorkflowVersion) -> None:
    limit(concurrent_runs=50, runs_per_hour=10**6, money_micros=10**9, **A_DAY)
    run = make_run(chain)
    columns = ", ".join(
        f'"{field.column}"'
        for field in Run._meta.concrete_fields
        if field.column not in ("id", "status")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO runs_run (id, status, {columns}) SELECT gen_random_uuid(), 'completed', "
            f"{columns} FROM runs_run, generate_series(1, 20000) WHERE id = %s",
            [run.pk],
        )
        cursor.execute("ANALYZE runs_run")
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT grove_quota_in_the_way(now())"
        )
        plan = cursor.fetchone()[0][0]["Plan"]

    assert starts.read_terms(chain.pk, at=now()).refusal is None  # type: ignore[union-attr]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 300  # the runs fill thousands


# -- budgets of runs ---------------------------------------------------------------------------------------------------

FAN = 40


def fan_out() -> str:
    asks = "".join(
        f"  - {{{{id: ask_{n}, kind: llm, title: Ask, after: [start], model_group: default, "
        f"prompt: 'ask', max_tokens: 5, on_failure: continue}}}}\n"
        for n in range(FAN)
    )
    names = ", ".join(f"ask_{n}" for n in range(FAN))
    return (
        definitions.HEAD
        + asks
        + f"  - {{{{id: all, kind: merge, title: All, after: [{names}], mode: object}}}}\n"
        + "  - {{id: result, kind: output, title: Result, after: [all], value: {{n: 1}}}}\n"
    )


def test_of_forty_calls_at_once_exactly_those_leave_that_the_budget_pays(in_acme: Tenant) -> None:
    with ScriptedModel(seconds=0.05) as model:
        deployment = make_deployment(model.base_url)
        register.set_price(
            deployment=deployment,
            input_micros_per_million=0,
            output_micros_per_million=1_000_000,  # five tokens, five micros: reserved and spent
            by=actors.SYSTEM,
        )
        model_groups.create(name="default", deployments=[deployment], by=actors.SYSTEM)
        version = make_version(fan_out())
        run = start.start(
            version=version, run_input={"n": 1}, by=actors.SYSTEM, budget_micros=10 * 5
        )
        run = execute(run)

    assert len(model.prompts) == 10
    assert ModelCall.objects.filter(run=run).count() == 10
    facts = RunFacts.objects.get(root_run=run)
    assert (facts.spent_micros, facts.reserved_micros) == (50, 0)
    refused = run.node_executions.filter(status="failed")
    assert refused.count() == FAN - 10
    assert set(refused.values_list("error_code", "error_sentence")) == {
        ("budget_exceeded", "The run has 0.00 of its budget left; this call may cost 0.000005.")
    }
    assert QuotaUse.objects.get(unit="EUR").used == 50


def test_a_budget_holds_whatever_the_tenants_policies_permit(in_acme: Tenant) -> None:
    texts = rules.default_texts()
    before, _, after = texts.hard.partition('@id("budget.run")')
    lenient = before + after[after.index("@id(") :]
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url)
        register.set_price(
            deployment=deployment,
            input_micros_per_million=0,
            output_micros_per_million=1_000_000,
            currency="USD",
            by=actors.SYSTEM,
        )
        model_groups.create(name="default", deployments=[deployment], by=actors.SYSTEM)
        version = make_version(definitions.TALK)
        snapshot = policies.create(hard=lenient, obligations=texts.obligations, by=actors.SYSTEM)
        policies.activate(snapshot=snapshot, by=actors.SYSTEM)
        run = start.start(version=version, run_input={"n": 1}, by=actors.SYSTEM, budget_micros=20)
        run = execute(run)  # the first of two calls may cost 20, and costs 5

    assert len(model.prompts) == 1
    assert (run.status, run.error_node) == ("failed", "again")
    assert (
        run.error_sentence == "The run has 0.000015 of its budget left; this call may cost 0.00002."
    )
    refused = Decision.objects.get(run=run, verdict="deny")
    assert (refused.code, refused.policies) == ("budget_exceeded", [])
    assert ModelCall.objects.get(run=run).currency == "USD"
    assert QuotaUse.objects.get(unit="USD").used == 5
