"""The breaker that all workers share: written when it changes, taken on trial by one, never in the way of a call."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from compliance.labels import DataClass, Labels
from compliance.models import Alert, AlertKind
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.runs.making import PATIENCE_SECONDS, in_threads
from workflows import model_groups
from workflows.models import DeploymentStanding, RegisterEntry
from workflows.providers import breakers, gateway, register
from workflows.providers.contract import ModelResponse, Target
from workflows.providers.errors import FailureKind, ModelUnavailable, ProviderError

if TYPE_CHECKING:
    from tests.databases import Databases

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
DOWN = ProviderError(FailureKind.SERVER, "down")
REJECTED = ProviderError(FailureKind.AUTH, "“one” refuses our credentials.")


@pytest.fixture
def group(in_acme: Tenant) -> None:
    provider = register.create_provider(
        name="house",
        base_url="http://127.0.0.1:9/v1",
        egress="internal",
        trains_on_data=False,
        by=SYSTEM,
    )
    deployments = [
        register.create_deployment(
            provider=provider, name=name, model="m", clearance=DataClass.RESTRICTED, by=SYSTEM
        )
        for name in ("one", "two")
    ]
    model_groups.create(name="default", deployments=deployments, by=SYSTEM)


def route() -> list[Target]:
    return gateway.route("default", Labels())


def names() -> list[str]:
    return [target.name for target in route()]


def fail(target: Target, times: int = 1, error: ProviderError = DOWN) -> None:
    for _ in range(times):
        breakers.note_failure(target, error)


def answer(target: Target, model: str = "m-1") -> None:
    response = ModelResponse(text="hello", model=model, tokens_in=1, tokens_out=1)
    breakers.note_answer(target, response)


def pass_time(**past: float) -> None:
    """Let so much time pass for every breaker."""
    for row in DeploymentStanding.objects.exclude(open_until=None):
        row.open_until -= timedelta(**past)
        row.save()


def test_who_failed_comes_last_and_after_three_failures_not_at_all(group: None) -> None:
    one, _two = route()

    fail(one)
    resting = names()
    fail(one, times=2)

    assert resting == ["two", "one"]
    assert names() == ["two"]
    assert Alert.objects.get().kind == AlertKind.DEPLOYMENT_ILL


def test_alert_of_who_answers_again_is_over_until_it_falls_ill_again(
    group: None, in_acme: Tenant
) -> None:
    one, _two = route()
    fail(one, times=3)
    pass_time(minutes=1)

    answer(route()[0])
    answer(route()[0])

    alert = Alert.objects.get()
    assert alert.is_waiting
    assert alert.over_at is not None
    assert LedgerEntry.objects.filter(event="alert.over").count() == 1
    alice = make_client(make_member(tenant=in_acme, role=Role.ADMIN))
    page = alice.get("/settings/providers/").content.decode()
    assert "<b>one</b> is back after " in page
    assert "over after " in alice.get("/alerts/").content.decode()
    with tenant_context(in_acme):
        fail(route()[0], times=3)
        assert Alert.objects.get().over_at is None
    assert "is back after" not in alice.get("/settings/providers/").content.decode()


def test_a_key_that_was_rejected_is_told_as_back_by_the_next_answer(
    group: None, in_acme: Tenant
) -> None:
    one, _two = route()
    answer(one)  # it was well before, and every worker knows
    (one, _two) = route()
    fail(one, error=REJECTED, times=2)

    (alert,) = Alert.objects.all()
    assert (alert.key, alert.over_at) == (f"deployment_ill:{one.deployment_id}:auth", None)
    assert names() == ["one", "two"]  # for the breaker it counts for nothing
    answer(route()[0])
    with CaptureQueriesContext(connection) as queries:
        again = route()[0]
        routed = len(queries)
        answer(again)

    assert len(queries) == routed  # what is known already is not written
    alert.refresh_from_db()
    assert alert.over_at is not None
    assert LedgerEntry.objects.filter(event="alert.over").count() == 1
    alice = make_client(make_member(tenant=in_acme, role=Role.ADMIN))
    assert "<b>one</b> is back after " in alice.get("/settings/providers/").content.decode()
    with tenant_context(in_acme):
        fail(route()[0], error=REJECTED)
        alert.refresh_from_db()
        assert alert.over_at is None  # the same alert, begun anew


def test_a_rejected_key_is_over_also_when_other_failures_came_between(group: None) -> None:
    one, _two = route()
    fail(one, error=REJECTED)
    fail(one, times=3)
    assert names() == ["two"]
    pass_time(minutes=1)

    answer(route()[0])

    assert Alert.objects.count() == 2
    assert not Alert.objects.filter(over_at=None).exists()


def test_a_callers_own_key_that_is_rejected_is_no_news_of_the_deployment(group: None) -> None:
    one, _two = route()

    fail(replace(one, auth="caller_key"), error=REJECTED)

    assert not Alert.objects.exists()
    assert not DeploymentStanding.objects.exists()


def test_good_answer_of_a_closed_breaker_writes_nothing(group: None) -> None:
    one, _two = route()
    answer(one)
    (one, _two) = route()

    with CaptureQueriesContext(connection) as queries:
        answer(one)

    assert len(queries) == 0
    assert one.standing.model_answered == "m-1"


def test_one_of_many_takes_the_trial_and_its_answer_closes_the_breaker(
    group: None, in_acme: Tenant
) -> None:
    one, _two = route()
    fail(one, times=3)
    pass_time(minutes=1)

    def choose(_number: int) -> list[str]:
        with tenant_context(in_acme):
            return names()

    chosen = in_threads(8, choose)
    first = [each for each in chosen if each[0] == "one"]
    answer(one)  # as whoever chose it before

    assert len(first) == 1, chosen
    assert sum(each == ["two"] for each in chosen) == 7
    pass_time(minutes=1)
    answer(_fresh("one"))
    assert names() == ["one", "two"]


def _fresh(name: str) -> Target:
    from workflows.providers import routes

    return routes.read().named([name])[0]


def test_trial_that_fails_opens_it_for_longer(group: None) -> None:
    one, _two = route()
    fail(one, times=3)
    before = DeploymentStanding.objects.get()
    pass_time(minutes=1)
    assert names() == ["one", "two"]

    fail(one)

    after = DeploymentStanding.objects.get()
    assert names() == ["two"]
    assert after.open_until - after.changed_at > before.open_until - before.changed_at


def test_when_all_are_open_the_call_is_refused_with_the_reason(group: None) -> None:
    one, two = route()
    fail(one, times=3)
    fail(two, error=ProviderError(FailureKind.RATE_LIMITED, "slow", retry_after_seconds=60))

    with pytest.raises(ModelUnavailable) as raised:
        route()

    assert "“one” failed 3 times in a row" in str(raised.value)
    assert "“two” asked to be left alone until" in str(raised.value)


def test_failures_of_many_workers_add_up_and_open_it_once(group: None, in_acme: Tenant) -> None:
    one, _two = route()

    def one_failure(_number: int) -> None:
        with tenant_context(in_acme):
            fail(one)

    assert in_threads(12, one_failure) == [None] * 12
    assert DeploymentStanding.objects.get().failures == 3
    assert Alert.objects.count() == 1


FAIL_ELSEWHERE = """
import sys, django
django.setup()
from compliance.labels import Labels
from tenancy.context import tenant_context
from tenancy.models import Tenant
from workflows.providers import breakers, gateway
from workflows.providers.errors import FailureKind, ProviderError
with tenant_context(Tenant.objects.get(pk=sys.argv[1])):
    one, _two = gateway.route("default", Labels())
    for _ in range(3):
        breakers.note_failure(one, ProviderError(FailureKind.SERVER, "down"))
"""


def test_another_process_sees_it_at_once(
    group: None, in_acme: Tenant, databases: "Databases"
) -> None:
    before = names()
    # No fork: it would share the sockets of this process, and whoever collects them ends the other's connections.
    subprocess.run(
        [sys.executable, "-c", FAIL_ELSEWHERE, str(in_acme.pk)],
        env=os.environ
        | {"DATABASE_URL": databases.url("default"), "KEYS_DATABASE_URL": databases.url("keys")},
        check=True,
        timeout=PATIENCE_SECONDS,
    )

    assert (before, names()) == (["one", "two"], ["two"])


def test_what_cannot_be_noted_breaks_no_call(
    group: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, _two = route()

    def broken(*_arguments: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(breakers, "_write", broken)
    fail(one)
    answer(one)

    assert "could not be noted" in caplog.text


def test_another_version_raises_one_alert_and_a_register_entry(group: None) -> None:
    one, _two = route()
    answer(one, "m-2026-01")
    entries = RegisterEntry.objects.count()

    answer(_fresh("one"), "m-2026-02")
    answer(_fresh("one"), "m-2026-02")

    alert = Alert.objects.get()
    assert alert.kind == AlertKind.MODEL_DRIFT
    assert "m-2026-01 before and answers as m-2026-02 now" in alert.sentence
    newest = RegisterEntry.objects.order_by("-id")[0]
    assert RegisterEntry.objects.count() == entries + 1
    assert newest.facts["model_answered"] == "m-2026-02"
    assert newest.facts["model"] == "m"


def test_retry_after_that_is_over_is_tried_again(group: None) -> None:
    one, _two = route()
    fail(one, error=ProviderError(FailureKind.RATE_LIMITED, "slow", retry_after_seconds=30))
    waiting = names()
    pass_time(seconds=31)

    assert (waiting, names()) == (["two"], ["one", "two"])


def test_trial_of_nobody_ends_by_itself(group: None, in_acme: Tenant) -> None:
    one, _two = route()
    fail(one, times=3)
    pass_time(minutes=1)

    def take(_number: int) -> bool:
        with tenant_context(in_acme):
            return breakers.take_trial(one.deployment_id)

    first = in_threads(1, take)
    meanwhile = breakers.take_trial(one.deployment_id)
    DeploymentStanding.objects.update(probe_until=now() - timedelta(seconds=1))

    assert (first, meanwhile) == ([True], False)
    assert breakers.take_trial(one.deployment_id)
    assert breakers.take_trial(one.deployment_id)  # who holds it may plan its call anew


def test_others_see_none_of_it(group: None, beta: Tenant) -> None:
    fail(route()[0], times=3)

    with tenant_context(beta):
        assert breakers.read() == {}
        assert DeploymentStanding.objects.count() == 0
