"""Probes: idle deployments are tried once, on record, by whoever comes first; others are left alone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from compliance.models import Alert, AlertKind
from runs.models import ModelCall
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Tenant
from tests.runs import definitions
from tests.runs.making import execute, in_threads, make_deployment, make_run, make_version
from tests.runs.scripted_model import Answer, ScriptedModel
from workflows import budgets, model_groups
from workflows.models import Deployment, DeploymentStanding
from workflows.providers import health, probes, register
from workflows.tasks import chore_probe_idle

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def model(in_acme: Tenant) -> Iterator[ScriptedModel]:
    with ScriptedModel() as server:
        yield server


def make_member(model: ScriptedModel, **facts: Any) -> Deployment:
    """A member of a group, an hour old."""
    deployment = make_deployment(model.base_url, **facts)
    model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
    Deployment.objects.filter(pk=deployment.pk).update(created_at=now() - timedelta(hours=1))
    return deployment


def pass_time(**past: float) -> None:
    """As if all that was noted had been noted so much earlier."""
    for row in DeploymentStanding.objects.all():
        for name in ("probed_at", "open_until", "probe_until"):
            if getattr(row, name) is not None:
                setattr(row, name, getattr(row, name) - timedelta(**past))
        row.save()


def test_idle_deployment_is_probed_once_and_on_record(model: ScriptedModel) -> None:
    deployment = make_member(model)

    made = [probes.probe_all(), probes.probe_all()]

    assert (made, len(model.prompts)) == ([1, 0], 1)
    begun = LedgerEntry.objects.get(event=EventType.PROVIDER_PROBED)
    ended = LedgerEntry.objects.get(event=EventType.PROVIDER_TEST_ENDED)
    assert begun.facts["provider"] == deployment.provider.name
    assert (ended.subject_id, ended.facts["passed"]) == (str(begun.pk), True)
    found = health.of([deployment])[deployment.pk]
    assert (found.state, found.model_answered) == ("healthy", "scripted-1")
    assert found.sentence == f"“{deployment.name}” answered the last probe."
    assert not ModelCall.objects.exists()


def test_it_is_probed_again_after_a_while(model: ScriptedModel) -> None:
    make_member(model)
    probes.probe_all()

    pass_time(minutes=6)

    assert probes.probe_all() == 1


def test_many_workers_at_once_make_one_probe(model: ScriptedModel, in_acme: Tenant) -> None:
    make_member(model)
    model.seconds = 0.2

    def probe(_number: int) -> int:
        with tenant_context(in_acme):
            return probes.probe_all()

    assert sorted(in_threads(6, probe)) == [0, 0, 0, 0, 0, 1]
    assert len(model.prompts) == 1


def test_many_workers_make_one_trial_of_a_half_open_breaker(
    model: ScriptedModel, in_acme: Tenant
) -> None:
    deployment = make_member(model)
    DeploymentStanding.objects.create(
        deployment=deployment,
        failures=3,
        failure_kind="server",
        open_until=now() - timedelta(seconds=1),
        probed_at=now(),
    )
    model.seconds = 0.2

    def probe(_number: int) -> int:
        with tenant_context(in_acme):
            return probes.probe_all()

    assert sorted(in_threads(6, probe)) == [0, 0, 0, 0, 0, 1]
    assert len(model.prompts) == 1
    assert DeploymentStanding.objects.get().failures == 0  # its answer closed the breaker


def test_failed_probes_open_the_breaker_and_people_are_told(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (500, "{}")) as broken:
        deployment = make_member(broken)
        for _ in range(3):
            probes.probe_all()
            pass_time(minutes=6)
    DeploymentStanding.objects.update(open_until=now() + timedelta(minutes=1))

    found = health.of([deployment])[deployment.pk]

    assert found.state == "failing"
    assert found.probe_error == "server"
    alert = Alert.objects.get()
    assert (alert.kind, alert.name) == (AlertKind.DEPLOYMENT_ILL, deployment.name)
    assert probes.probe_all() == 0  # open: nobody calls it


def test_rejected_key_is_told_at_once_and_once(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (401, "{}")) as model:
        deployment = make_member(model)
        for _ in range(2):
            probes.probe_all()
            pass_time(minutes=6)

    alert = Alert.objects.get()
    assert (alert.kind, alert.name) == (AlertKind.DEPLOYMENT_ILL, deployment.name)
    assert "refuses our credentials" in alert.sentence


def test_key_that_works_again_is_told_by_the_probe_that_found_it(in_acme: Tenant) -> None:
    answers: list[Answer] = [(401, "{}"), "ok", "ok"]
    with ScriptedModel(lambda prompt: answers.pop(0)) as model:
        make_member(model)
        for _ in range(3):
            probes.probe_all()
            pass_time(minutes=6)

    assert answers == []
    assert Alert.objects.get().over_at is not None
    assert LedgerEntry.objects.filter(event=EventType.ALERT_OVER).count() == 1


def test_probe_that_is_answered_by_another_version_is_told(in_acme: Tenant) -> None:
    version = ["scripted-1"]

    def script(_prompt: str) -> Answer:
        return "ok"

    with ScriptedModel(script) as model:
        make_member(model)
        probes.probe_all()
        DeploymentStanding.objects.update(model_answered="scripted-0")
        pass_time(minutes=6)
        probes.probe_all()

    alert = Alert.objects.get()
    assert alert.kind == AlertKind.MODEL_DRIFT
    assert f"answered as scripted-0 before and answers as {version[0]} now" in alert.sentence
    assert LedgerEntry.objects.filter(event=EventType.MODEL_DRIFTED).count() == 1


# -- left alone -------------------------------------------------------------------------------------------------------


def test_who_was_called_is_not_probed(model: ScriptedModel) -> None:
    make_member(model)
    execute(make_run(make_version(definitions.TALK)))
    asked = len(model.prompts)

    assert (probes.probe_all(), len(model.prompts)) == (0, asked)


def test_what_is_new_disabled_or_in_no_group_is_not_probed(model: ScriptedModel) -> None:
    new, _in_no_group, disabled = (make_deployment(model.base_url) for _ in range(3))
    model_groups.create(name="default", deployments=[new, disabled], by=SYSTEM)
    hour_ago = now() - timedelta(hours=1)
    Deployment.objects.exclude(pk=new.pk).update(created_at=hour_ago)
    register.change_deployment(deployment=disabled, enabled=False, by=SYSTEM)

    assert (probes.probe_all(), model.prompts) == (0, [])


def test_what_has_no_price_or_is_called_with_the_callers_key_is_not_probed(
    model: ScriptedModel,
) -> None:
    unpriced = make_member(model, price=None)
    others = make_deployment(model.base_url, auth="caller_key")
    model_groups.create(name="others", deployments=[others], by=SYSTEM)
    Deployment.objects.filter(pk=others.pk).update(created_at=now() - timedelta(hours=1))

    assert (probes.probe_all(), model.prompts) == (0, [])
    assert unpriced.name != others.name


def test_what_a_used_up_budget_counts_is_not_probed(model: ScriptedModel) -> None:
    make_member(model)
    budgets.create(name="nothing", amount=0, unit="tokens", period="month", by=SYSTEM)

    assert (probes.probe_all(), model.prompts) == (0, [])


def test_probes_can_be_switched_off(model: ScriptedModel, settings: Any) -> None:
    make_member(model)
    settings.PROBE_SECONDS = 0

    assert (probes.probe_all(), model.prompts) == (0, [])


def test_chore_goes_from_tenant_to_tenant(model: ScriptedModel, beta: Tenant) -> None:
    make_member(model)

    with tenant_context(None):
        chore_probe_idle()

    assert len(model.prompts) == 1
    with tenant_context(beta):
        assert not DeploymentStanding.objects.exists()
