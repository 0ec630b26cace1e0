"""“Test all”: each deployment gets one call, whoever presses how often, and its result is shown."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs.making import in_threads, make_deployment
from tests.runs.scripted_model import ScriptedModel
from workflows import budgets
from workflows.errors import ProviderInvalid
from workflows.models import TrialCall, TrialRound
from workflows.providers import register, trial_rounds
from workflows.tasks import chore_carry_out_trials

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
LIST = "/settings/providers/"
TESTS = f"{LIST}tests/"


@pytest.fixture
def model(in_acme: Tenant) -> Iterator[ScriptedModel]:
    """Two deployments that answer."""
    with ScriptedModel() as server:
        for _ in range(2):
            make_deployment(server.base_url, price=1_000_000)
        yield server


@pytest.fixture
def alice(model: ScriptedModel, acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


def carry_out(begun: TrialRound) -> None:
    for call_id in trial_rounds.waiting(begun):
        trial_rounds.carry_out(call_id)


def test_each_deployment_gets_one_call_and_its_result_is_kept(model: ScriptedModel) -> None:
    down = make_deployment("http://127.0.0.1:9/v1")
    off = make_deployment(model.base_url)
    register.change_deployment(deployment=off, enabled=False, by=SYSTEM)
    own_key = make_deployment(model.base_url, auth="caller_key")

    begun = trial_rounds.begin(by=SYSTEM)
    carry_out(begun)
    carry_out(begun)

    progress = trial_rounds.progress_of(TrialRound.objects.get())
    found = {call.deployment.name: call for call in progress.calls}
    assert len(model.prompts) == 2
    assert (progress.done, progress.passed, progress.is_open) == (4, 2, False)
    assert off.name not in found
    assert found[down.name].status == "failed"
    assert "cannot be reached" in found[down.name].sentence
    assert found[own_key.name].status == "not_made"
    assert "key of whoever starts a run" in found[own_key.name].sentence
    assert LedgerEntry.objects.filter(event=EventType.PROVIDER_TESTED).count() == 3
    assert LedgerEntry.objects.filter(event=EventType.PROVIDER_TESTS_BEGUN).count() == 1


def test_many_workers_make_each_call_once(model: ScriptedModel, in_acme: Tenant) -> None:
    model.seconds = 0.1
    calls = trial_rounds.waiting(trial_rounds.begin(by=SYSTEM))

    def work(number: int) -> None:
        with tenant_context(in_acme):
            trial_rounds.carry_out(calls[number % len(calls)])

    in_threads(8, work)

    assert len(model.prompts) == 2
    assert TrialRound.objects.get().ended_at is not None


def test_who_presses_twice_gets_the_same_round(model: ScriptedModel, in_acme: Tenant) -> None:
    def press(_number: int) -> TrialRound:
        with tenant_context(in_acme):
            return trial_rounds.begin(by=SYSTEM)

    at_once = {begun.pk for begun in in_threads(4, press)}
    carry_out(TrialRound.objects.get())
    (first,) = at_once
    form_again = trial_rounds.begin(by=SYSTEM, looked=True)  # its page knew of none
    second = trial_rounds.begin(by=SYSTEM, looked=True, newest=first)
    carry_out(second)
    second_form_again = trial_rounds.begin(by=SYSTEM, looked=True, newest=first)

    assert form_again.pk == first
    assert second_form_again.pk == second.pk != first
    assert len(model.prompts) == 4


def test_what_no_message_told_of_is_made_by_the_chore(model: ScriptedModel) -> None:
    begun = trial_rounds.begin(by=SYSTEM)
    chore_carry_out_trials()
    young = len(model.prompts)
    TrialRound.objects.update(begun_at=now() - timedelta(minutes=1))
    lost = TrialCall.objects.order_by("id")[0]
    hour_ago = now() - timedelta(hours=1)
    TrialCall.objects.filter(pk=lost.pk).update(status="running", started_at=hour_ago)

    chore_carry_out_trials()

    assert (young, len(model.prompts)) == (0, 1)  # whether the lost one arrived is not known
    begun.refresh_from_db()
    assert begun.ended_at is not None
    lost.refresh_from_db()
    assert lost.status == "lost"


def test_test_that_a_budget_stops_says_so_in_the_round(model: ScriptedModel) -> None:
    budgets.create(name="nothing", amount=0, currency="EUR", period="month", by=SYSTEM)
    begun = trial_rounds.begin(by=SYSTEM)

    carry_out(begun)

    calls = trial_rounds.progress_of(begun).calls
    assert {call.status for call in calls} == {"not_made"}
    assert all("The budget “nothing” allows" in call.sentence for call in calls)
    assert model.prompts == []


def test_with_nothing_to_test_nothing_begins(in_acme: Tenant) -> None:
    with pytest.raises(ProviderInvalid, match="no deployment in use"):
        trial_rounds.begin(by=SYSTEM)


# -- page and API -----------------------------------------------------------------------------------------------------


def test_page_begins_a_round_once_and_shows_what_came_of_it(
    alice: Client, acme: Tenant, model: ScriptedModel
) -> None:
    form = alice.get(LIST).content.decode()
    assert '<input type="hidden" name="after" value="">' in form

    first = alice.post(TESTS, {"after": ""})
    again = alice.post(TESTS, {"after": ""})
    under_way = alice.get(first["Location"]).content.decode()
    with tenant_context(acme):
        begun = TrialRound.objects.get()
        carry_out(begun)
    fragment = alice.get(
        first["Location"], headers={"HX-Request": "true", "HX-Target": "tests"}
    ).content.decode()
    late = alice.post(TESTS, {"after": ""})

    assert first.status_code == 302
    assert first["Location"] == again["Location"] == f"{TESTS}{begun.pk}/"
    assert 'hx-trigger="every 1s"' in under_way
    assert "0 of 2 done, 0 passed" in under_way
    assert "2 of 2 done, 2 passed" in fragment
    assert "hx-trigger" not in fragment
    assert "<html" not in fragment
    assert re.search(r"“scripted-1” answered after [0-9,]+ ms", fragment)
    assert late["Location"] == first["Location"]
    after = {"after": str(begun.pk)}
    assert alice.post(TESTS, after)["Location"] != first["Location"]


def test_api_begins_a_round_and_tells_of_it(
    alice: Client, acme: Tenant, model: ScriptedModel
) -> None:
    program = factories.make_program(factories.make_member(tenant=acme, role=Role.ADMIN))

    begun = program.post("/api/v1/provider-tests")
    again = program.post("/api/v1/provider-tests")
    with tenant_context(acme):
        carry_out(TrialRound.objects.get())
    told = program.get(f"/api/v1/provider-tests/{begun.json()['id']}").json()

    assert (begun.status_code, again.json()["id"]) == (202, begun.json()["id"])
    assert (told["done"], {each["status"] for each in told["items"]}) == (2, {"passed"})
    assert told["items"][0]["cost"] == {"amount": "0.000015", "currency": "EUR"}
    assert told["ended_at"] is not None


def test_who_may_only_look_begins_nothing(alice: Client, acme: Tenant) -> None:
    bob = factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))

    assert bob.post(TESTS).status_code == 403
    assert "Test all" not in bob.get(LIST).content.decode()


def test_table_has_a_line_for_each_deployment(alice: Client, acme: Tenant) -> None:
    program = factories.make_program(factories.make_member(tenant=acme, role=Role.OPERATOR))
    name = re.findall(r"server-[0-9]+", alice.get(LIST).content.decode())[0]

    file = alice.get(f"{LIST}table.csv?q={name}")
    every = program.get("/api/v1/provider-table.csv")

    (line,) = csv.DictReader(io.StringIO(file.content.decode()))
    assert (line["provider"], line["deployment"], line["state"]) == (name, name, "idle")
    assert (line["refused_by_policy_24h"], line["spend_24h"]) == ("0", "0.00")
    assert file["Content-Disposition"].startswith('attachment; filename="providers-')
    assert len(list(csv.DictReader(io.StringIO(every.content.decode())))) == 2
