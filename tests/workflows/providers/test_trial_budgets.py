"""Tests and probes cost money like other calls: the tenant's budgets count them, and a hard stop stops them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from runs import costs
from runs.costs import Asked
from runs.errors import QuotaExceeded
from runs.models import ModelCall, Run
from tenancy import quotas
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.models import LedgerEntry, QuotaUse, Tenant
from tenancy.permissions import Role
from tenancy.quotas import Limits
from tests import factories
from tests.runs import definitions
from tests.runs.making import execute, make_deployment, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows import budget_use, budgets, model_groups
from workflows.models import Budget, Deployment, DeploymentStanding, TrialCall, TrialPurpose
from workflows.providers import health, probes, trials

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
A_CALL = 15  # micro-units at a price of a micro-unit a token: the server counts 15 tokens
TODAY = now().date()


@pytest.fixture
def model(in_acme: Tenant) -> Iterator[ScriptedModel]:
    with ScriptedModel() as server:
        yield server


@pytest.fixture
def deployment(model: ScriptedModel) -> Deployment:
    made = make_deployment(model.base_url, price=1_000_000)
    model_groups.create(name="default", deployments=[made], by=SYSTEM)
    return made


def make_budget(amount: int = 1_000_000, **facts: Any) -> Budget:
    wanted: dict[str, Any] = {"name": "all", "amount": amount, "currency": "EUR", "by": SYSTEM}
    return budgets.create(**wanted | facts)


def use_of(budget: Budget) -> tuple[int, int]:
    (use,) = budget_use.uses([budget])
    return use.used, use.reserved


def test_a_test_is_counted_by_every_budget_that_counts_it(deployment: Deployment) -> None:
    of_all = make_budget()
    of_provider = make_budget(name="house", provider=deployment.provider)
    in_tokens = make_budget(name="tokens", unit="tokens", currency="")
    of_group = make_budget(name="group", model_group=deployment.memberships.get().group)

    trial = trials.run(deployment=deployment, by=SYSTEM)

    assert trial.cost is not None
    assert trial.cost.micros == A_CALL
    assert use_of(of_all) == use_of(of_provider) == use_of(in_tokens) == (A_CALL, 0)
    assert use_of(of_group) == (0, 0)  # it was asked for nobody
    call = TrialCall.objects.get()
    assert (call.purpose, call.status, call.cost_micros) == ("test", "passed", A_CALL)


def test_what_failed_gives_back_what_was_reserved(in_acme: Tenant) -> None:
    budget = make_budget()
    with ScriptedModel(lambda prompt: (500, "{}")) as broken:
        trials.run(deployment=make_deployment(broken.base_url, price=1_000_000), by=SYSTEM)

    assert use_of(budget) == (0, 0)
    assert TrialCall.objects.get().status == "failed"


def test_test_that_would_pass_a_hard_stop_is_not_made(
    deployment: Deployment, model: ScriptedModel
) -> None:
    make_budget(amount=10)

    trial = trials.run(deployment=deployment, by=SYSTEM)

    assert (trial.passed, trial.was_made, trial.kind) == (False, False, "budget_exceeded")
    assert trial.in_words.startswith("Test not made: The budget “all” allows")
    assert model.prompts == []
    assert not LedgerEntry.objects.filter(event=EventType.PROVIDER_TESTED).exists()
    assert not TrialCall.objects.exists()


def test_without_a_price_no_hard_stop_of_money_lets_it_pass(model: ScriptedModel) -> None:
    deployment = make_deployment(model.base_url, price=None)
    make_budget()

    trial = trials.run(deployment=deployment, by=SYSTEM)

    assert (trial.was_made, trial.kind) == (False, "price_unknown")
    assert model.prompts == []


def test_probe_that_would_pass_a_hard_stop_is_not_made_and_the_page_says_so(
    deployment: Deployment, model: ScriptedModel, acme: Tenant
) -> None:
    budget = make_budget(amount=10)
    Deployment.objects.update(created_at=now() - timedelta(hours=1))

    made = probes.probe_all()

    assert (made, model.prompts) == (0, [])
    found = health.of([deployment])[deployment.pk]
    assert found.state == "idle"
    assert "a budget that counts it has no room" in found.sentence
    assert budget_use.uses([budget])[0].refused == 0  # nobody's work was stopped
    alice = factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))
    page = alice.get(f"/settings/providers/of/{deployment.provider.name}/").content.decode()
    assert "was not probed: a budget that counts it has no room for that." in page


def test_probe_is_counted(deployment: Deployment) -> None:
    budget = make_budget()
    Deployment.objects.update(created_at=now() - timedelta(hours=1))

    assert probes.probe_all() == 1

    assert use_of(budget) == (A_CALL, 0)
    assert TrialCall.objects.get().purpose == "probe"
    assert DeploymentStanding.objects.get().probe_error == ""


def test_call_whose_worker_was_lost_counts_as_reserved_once(deployment: Deployment) -> None:
    budget = make_budget()
    call = TrialCall(deployment=deployment, purpose=TrialPurpose.TEST)
    trials.make(call=call, by=SYSTEM)
    lost = {"status": "running", "finished_at": None, "started_at": now() - timedelta(minutes=5)}
    TrialCall.objects.update(**lost, reserved_micros=40, reserved_tokens=40)

    settled = [trials.settle_lost(), trials.settle_lost()]

    assert settled == [1, 0]
    call.refresh_from_db()
    assert (call.status, call.cost_micros) == ("lost", 40)
    assert use_of(budget)[0] == A_CALL + 40


def of_quota() -> int:
    """What the tenant's quota of money counts as used, in EUR."""
    return sum(use.used for use in quotas.in_use(Limits()) if use.currency == "EUR")


def test_quota_of_money_counts_what_is_reserved_and_then_what_it_cost(
    deployment: Deployment, model: ScriptedModel
) -> None:
    while_it_went_on: list[int] = []

    def answer(prompt: str) -> tuple[int, str]:
        with tenant_context(deployment.tenant):
            while_it_went_on.append(of_quota())
        return 500, "{}"

    model.script = answer
    trials.run(deployment=deployment, by=SYSTEM)

    held = TrialCall.objects.get().reserved_micros
    assert while_it_went_on == [held]
    assert held > 0
    assert of_quota() == 0  # it failed, and cost nothing


def test_quota_of_money_is_what_runs_tests_and_probes_cost(
    deployment: Deployment, acme: Tenant
) -> None:
    execute(make_run(make_version(definitions.TALK)))
    trials.run(deployment=deployment, by=SYSTEM)
    trials.run(deployment=deployment, by=SYSTEM, purpose=TrialPurpose.PROBE)

    assert of_quota() == 2 * A_CALL + 2 * A_CALL
    limits = Limits(money_micros=4 * A_CALL, money_currency="EUR", money_period="day")
    quotas.set_limits(limits=limits, reason="For a test.", by=SYSTEM)
    with pytest.raises(QuotaExceeded):
        make_run(make_version(definitions.CHAIN))
    bob = factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))
    assert "tests and probes of deployments" in bob.get("/settings/quotas/").content.decode()


def test_quota_of_money_counts_a_lost_call_once(deployment: Deployment) -> None:
    trials.run(deployment=deployment, by=SYSTEM)
    lost = {"status": "running", "finished_at": None, "started_at": now() - timedelta(minutes=5)}
    TrialCall.objects.update(**lost, reserved_micros=40, reserved_tokens=40)

    trials.settle_lost()
    trials.settle_lost()

    assert of_quota() == 40
    assert set(QuotaUse.objects.exclude(unit="run").values_list("unit", flat=True)) == {"EUR"}


def test_sums_of_runs_agree_beside_what_is_outside_them(
    deployment: Deployment, acme: Tenant
) -> None:
    budget = make_budget()
    execute(make_run(make_version(definitions.TALK)))
    trials.run(deployment=deployment, by=SYSTEM)
    trials.run(deployment=deployment, by=SYSTEM, purpose=TrialPurpose.PROBE)
    day = {"since": TODAY, "until": now().date()}

    told = {by: costs.report(Asked(by=by, **day)) for by in costs.GROUPS}

    of_calls = sum(ModelCall.objects.values_list("cost_micros", flat=True))
    of_runs = sum(Run.objects.values_list("cost_micros", flat=True))
    assert of_calls == of_runs == 2 * A_CALL
    assert {report.totals[0].cost_micros for report in told.values()} == {of_calls}
    for report in told.values():
        (outside,) = report.outside
        assert (outside.name, outside.calls, outside.cost_micros) == ("outside runs", 2, 2 * A_CALL)
    assert use_of(budget)[0] == of_calls + 2 * A_CALL
    bob = factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))
    assert "2 tests and probes of deployments" in bob.get("/costs/").content.decode()
    assert "outside runs,2,0,20,10," in bob.get("/costs/export.csv").content.decode()
    program = factories.make_program(factories.make_member(tenant=acme, role=Role.OPERATOR))
    assert api_outside(program) == [{"amount": "0.00003", "currency": "EUR"}]


def api_outside(program: Client) -> list[Any]:
    return [line["cost"] for line in program.get("/api/v1/costs").json()["outside"]]
