"""Alerts: one while it waits, however many raise it; a person acknowledges with a reason."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from compliance import alerts
from compliance.errors import AlertInvalid, AlertNotFound
from compliance.models import Alert, AlertKind
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant, new_id
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

ALICE = Actor(kind="user", id="alice", name="Alice")


def raised(**facts: Any) -> Alert | None:
    wanted: dict[str, Any] = {
        "kind": AlertKind.MODEL_DRIFT,
        "subject_kind": "deployment",
        "subject_id": "d1",
        "name": "gpt",
        "sentence": "“gpt” answered as another model.",
        "key": "model_drift:d1:gpt-5",
    }
    return alerts.raise_alert(**wanted | facts)


def test_an_alert_is_raised_once_while_it_waits(in_acme: Tenant) -> None:
    first = raised()

    assert first is not None
    assert first.is_waiting
    assert str(first) == "“gpt” answered as another model."
    assert raised(sentence="Again.") is None
    assert raised(key="model_drift:d2:gpt-5") is not None
    entry = LedgerEntry.objects.get(event="alert.raised", subject_id=str(first.pk))
    assert entry.facts["about"] == {"kind": "deployment", "id": "d1"}


def test_what_was_acknowledged_may_come_again(in_acme: Tenant) -> None:
    first = raised()
    assert first is not None

    alerts.acknowledge(alert=first, reason=" Pinned anew. ", by=ALICE)

    assert not first.is_waiting
    assert (first.reason, first.actor_name) == ("Pinned anew.", "Alice")
    assert LedgerEntry.objects.get(event="alert.acknowledged").actor_id == "alice"
    assert raised() is not None


def test_acknowledging_twice_keeps_the_first(in_acme: Tenant) -> None:
    first = raised()
    assert first is not None
    alerts.acknowledge(alert=first, reason="One.", by=ALICE)

    alerts.acknowledge(alert=first, reason="Two.", by=ALICE)

    assert first.reason == "One."
    assert LedgerEntry.objects.filter(event="alert.acknowledged").count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_acknowledging_needs_a_reason(in_acme: Tenant, reason: str) -> None:
    first = raised()
    assert first is not None

    with pytest.raises(AlertInvalid):
        alerts.acknowledge(alert=first, reason=reason, by=ALICE)

    assert Alert.objects.waiting().count() == 1


def test_the_database_wants_a_reason_too(in_acme: Tenant) -> None:
    raised()

    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.update(acknowledged_at="2026-11-21T00:00:00Z")


def test_an_alert_stays(in_acme: Tenant) -> None:
    raised()

    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM compliance_alert")


def test_an_unknown_kind_is_an_error_and_not_a_second_alert(in_acme: Tenant) -> None:
    with pytest.raises(ValueError, match="weather"):
        raised(kind="weather")


def test_nobody_finds_what_is_not_there(in_acme: Tenant) -> None:
    with pytest.raises(AlertNotFound):
        alerts.get_alert(new_id())


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_twenty_at_once_raise_one() -> None:
    acme = factories.make_tenant(name="Acme Bank")

    def one(_: int) -> Alert | None:
        try:
            with tenant_context(acme):
                return raised()
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(one, range(20)))

    with tenant_context(acme):
        assert sum(each is not None for each in made) == 1
        assert Alert.objects.count() == 1
        assert LedgerEntry.objects.filter(event="alert.raised").count() == 1
