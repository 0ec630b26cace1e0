"""Entries stand and fall with their change, and stay as they were written."""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pytest
import rfc8785
from django.db import DatabaseError, connection, transaction

from tenancy import ledger
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.errors import FactsNotPlain, NoTenant, NotInTransaction
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import LedgerEntry
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

RUN = Subject(kind="run", id="r-1")


def test_an_entry_holds_canonical_bytes_of_all_that_it_says(in_acme):
    alice = Actor(kind="user", id="u-1", name="Alice")

    ledger.append(EventType.RUN_STARTED, subject=RUN, by=alice, digest="ab", nodes=3)

    entry = LedgerEntry.objects.get()
    assert bytes(entry.canonical) == rfc8785.dumps(
        {
            "id": str(entry.pk),
            "tenant": str(in_acme.pk),
            "at": entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "event": "run.started",
            "subject": {"kind": "run", "id": "r-1"},
            "actor": {"kind": "user", "id": "u-1"},
            "facts": {"digest": "ab", "nodes": 3},
        }
    )


def test_an_entry_that_the_server_completes_is_like_any_other(in_acme):
    row = ledger.to_row(
        EventType.RUN_COMPLETED, subject=RUN, by=SYSTEM, facts={"status": "ok"}, told=("digest",)
    )

    _append(row, {"digest": "0a" * 32})

    entry = LedgerEntry.objects.get()
    assert entry.facts == {"status": "ok", "digest": "0a" * 32}
    assert bytes(entry.canonical) == ledger.canonical_bytes(entry)
    assert (str(entry.pk), entry.tenant_id) == (str(row["id"]), in_acme.pk)


def test_the_server_completes_an_entry_with_digests_only(in_acme):
    row = ledger.to_row(EventType.RUN_COMPLETED, subject=RUN, by=SYSTEM, facts={}, told=("digest",))

    with pytest.raises(DatabaseError, match="not hexadecimal"), transaction.atomic():
        _append(row, {"digest": 'ab", "status": "failed'})

    assert not LedgerEntry.objects.exists()


def _append(row, told):
    with connection.cursor() as cursor:
        entry, digests = orjson.dumps(row).decode(), orjson.dumps(told).decode()
        cursor.execute("SELECT grove_append(%s::text::jsonb, %s::text::jsonb)", [entry, digests])


def test_an_entry_does_not_hold_the_actors_name(in_acme):
    alice = Actor(kind="user", id="u-1", name="Alice Example")

    entry = ledger.append(EventType.RUN_STARTED, subject=RUN, by=alice)

    assert b"Alice" not in bytes(entry.canonical)


def test_a_row_is_a_subject(in_acme):
    entry = ledger.append(EventType.TENANT_CREATED, subject=in_acme, by=SYSTEM)

    assert (entry.subject_kind, entry.subject_id) == ("tenant", str(in_acme.pk))


def test_what_is_read_back_has_the_same_canonical_bytes(in_acme):
    ledger.append(
        EventType.RUN_STARTED,
        subject=RUN,
        by=SYSTEM,
        words=("b", "a"),
        names={"b", "a"},
        deep={"at": datetime(2026, 1, 2, tzinfo=UTC), "day": date(2026, 1, 2), "id": uuid.uuid4()},
        event_type=EventType.RUN_FAILED,
        umlaut="Grüße €",
        none=None,
        yes=True,
        number=2**53 - 1,
    )

    entry = LedgerEntry.objects.get()
    assert ledger.canonical_bytes(entry) == bytes(entry.canonical)
    assert entry.facts["names"] == ["a", "b"]


@pytest.mark.parametrize("fact", [1.5, Decimal(1), b"bytes", object(), 2**53, "nul\x00"])
def test_what_json_does_not_hold_exactly_is_refused(in_acme, fact):
    with pytest.raises(FactsNotPlain):
        ledger.append(EventType.RUN_STARTED, subject=RUN, by=SYSTEM, fact=fact)


def test_an_unknown_event_is_refused(in_acme):
    with pytest.raises(ValueError, match="unknown"):
        ledger.append("unknown.happened", subject=RUN, by=SYSTEM)


def test_without_a_tenant_there_is_no_entry(db):
    with pytest.raises(NoTenant):
        ledger.append(EventType.RUN_STARTED, subject=RUN, by=SYSTEM)


def test_events_are_noun_dot_verb_and_unique():
    values = [event.value for event in EventType]

    assert all(value.count(".") == 1 and value == value.lower() for value in values)
    assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenancy_ledgerentry SET event = 'x'",
        "DELETE FROM tenancy_ledgerentry",
        "TRUNCATE tenancy_ledgerentry CASCADE",
        "UPDATE tenancy_ledgerleaf SET index = 7",
        "DELETE FROM tenancy_ledgerleaf",
        "DELETE FROM tenancy_ledgernode",
        "DELETE FROM tenancy_ledgercheckpoint",
        "UPDATE tenancy_signingkey SET name = 'x'",
    ],
)
def test_the_serving_role_can_only_insert(in_acme, statement):
    ledger.append(EventType.RUN_STARTED, subject=RUN, by=SYSTEM)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_another_tenants_entries_are_not_seen(acme, beta):
    with tenant_context(acme):
        ledger.append(EventType.RUN_STARTED, subject=RUN, by=SYSTEM)

    with tenant_context(beta):
        assert LedgerEntry.objects.count() == 0


@pytest.mark.django_db(databases=["default", "keys"], transaction=True)
class TestWithRealTransactions:
    def test_an_entry_needs_a_transaction(self):
        with tenant_context(factories.make_tenant()), pytest.raises(NotInTransaction):
            ledger.append(EventType.RUN_STARTED, subject=RUN, by=SYSTEM)

    def test_an_entry_falls_with_its_change(self):
        with tenant_context(factories.make_tenant()):
            with transaction.atomic():
                ledger.append(EventType.RUN_STARTED, subject=RUN, by=SYSTEM)
                transaction.set_rollback(True)

            assert LedgerEntry.objects.count() == 0

    def test_a_refusal_is_written_without_a_transaction_of_the_caller(self):
        with tenant_context(factories.make_tenant()):
            ledger.append_refusal(subject=RUN, by=SYSTEM, code="permission_missing")

            assert LedgerEntry.objects.get().event == "access.refused"

    @pytest.mark.parametrize(
        "table", ["ledgerentry", "ledgerleaf", "ledgercheckpoint", "signingkey"]
    )
    @pytest.mark.parametrize(
        "verb", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
    )
    def test_the_owner_is_stopped_too(self, databases, table, verb):
        import psycopg

        with (
            psycopg.connect(databases.url(role="grove_owner")) as owner,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="kept as they were written"),
        ):
            owner.execute(verb.format(f"tenancy_{table}"))
