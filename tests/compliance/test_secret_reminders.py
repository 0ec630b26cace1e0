"""Secrets whose last day comes near: told of 30 and 7 days before and on the day, once each."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from compliance import alerts, secret_reminders
from compliance.models import Alert
from compliance.tasks import chore_remind_of_secrets
from tenancy import secret_facts, secret_store
from tenancy.actors import SYSTEM
from tenancy.models import SecretVersion, Tenant
from tenancy.secret_uses import Bindings

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def make_secret(days: int | None, name: str = "key") -> None:
    secret_store.put(name=name, value="a value", by=SYSTEM)
    last_day = None if days is None else now().date() + timedelta(days=days)
    secret_store.change(name=name, by=SYSTEM, expires_on=last_day, bindings=Bindings())


@pytest.mark.parametrize(
    ("days", "told"),
    [(None, 0), (31, 0), (30, 1), (8, 1), (7, 1), (1, 1), (0, 1), (-3, 1)],
)
def test_is_told_when_it_is_time(in_acme: Tenant, days: int | None, told: int) -> None:
    make_secret(days)

    assert secret_reminders.remind() == told


def test_each_step_is_told_once_also_after_somebody_has_seen_it(in_acme: Tenant) -> None:
    make_secret(20)
    secret_reminders.remind()
    alerts.acknowledge(alert=Alert.objects.get(), reason="Ordered a new one.", by=SYSTEM)

    assert secret_reminders.remind() == 0
    make_secret(5)
    assert secret_reminders.remind() == 1
    assert secret_reminders.remind() == 0


def test_a_revoked_secret_is_not_told_of(in_acme: Tenant) -> None:
    make_secret(0)
    secret_store.revoke(name="key", by=SYSTEM)

    assert secret_reminders.remind() == 0


def test_the_chore_looks_at_every_tenant(in_acme: Tenant) -> None:
    make_secret(0)
    make_secret(-1, name="late")

    chore_remind_of_secrets()

    told = {alert.name: alert.sentence for alert in Alert.objects.filter(kind="secret_expiry")}
    assert set(told) == {"key", "late"}
    assert "is refused now" in told["late"]


@pytest.mark.parametrize(
    ("rotate_days", "age", "urgency"),
    [(None, 400, 0), (90, 82, 0), (90, 83, 1), (90, 89, 1), (90, 90, 2), (90, 400, 2)],
)
def test_a_value_that_is_too_old_is_told_of_once(
    in_acme: Tenant, rotate_days: int | None, age: int, urgency: int
) -> None:
    secret_store.put(name="key", value="a value", by=SYSTEM)
    secret_store.change(
        name="key", by=SYSTEM, expires_on=None, rotate_days=rotate_days, bindings=Bindings()
    )
    SecretVersion.objects.update(created_at=now() - timedelta(days=age, hours=1))

    told = [secret_reminders.remind(), secret_reminders.remind()]

    assert secret_facts.ages({"key"})["key"].urgency == urgency
    assert told == [int(urgency == 2), 0]
    if urgency == 2:
        sentence = f"is {age} days old and is to be replaced every 90 days"
        assert sentence in Alert.objects.get().sentence


def test_a_new_value_begins_anew(in_acme: Tenant) -> None:
    secret_store.put(name="key", value="a value", by=SYSTEM)
    secret_store.change(name="key", by=SYSTEM, expires_on=None, rotate_days=1, bindings=Bindings())
    SecretVersion.objects.update(created_at=now() - timedelta(days=2))
    secret_store.put(name="key", value="another", by=SYSTEM)

    assert secret_reminders.remind() == 0
    assert secret_facts.ages({"key", "none"})["key"].days == 0
