"""Verifications on record: the command, the page and the API each keep who looked, how far, and what was found."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from tenancy import sequencer, tasks, verifications
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, LedgerVerification
from tenancy.permissions import Role
from tests import factories
from tests.tenancy.tampering import entry_at, hand, rewrite, tenant

__all__ = ["hand", "tenant"]  # fixtures
pytestmark = pytest.mark.django_db(databases=["default", "keys"], transaction=True)
CAROL = Actor(kind="user", id="7", name="Carol")


def browser(tenant, role=Role.AUDITOR):
    return factories.make_client(factories.make_member(tenant=tenant, role=role))


def test_a_sound_ledger_is_kept_as_verified(tenant):
    report = verifications.verify(tenant=tenant, by=CAROL)

    kept = verifications.find_last()
    assert (kept.author_name, kept.size, kept.checkpoints) == ("Carol", 16, 4)
    assert (kept.is_sound, kept.first_fault, kept.fault_count) == (True, None, 0)
    entry = LedgerEntry.objects.get(event="ledger.verified")
    assert (entry.actor_id, entry.facts["size"], entry.facts["is_sound"]) == ("7", 16, True)
    sequencer.sequence(tenant)
    assert verifications.verify(tenant=tenant, by=CAROL).size == report.size + 1


def test_the_first_gap_is_kept_by_the_command_although_it_fails(tenant, hand):
    rewrite(hand, entry_at(7), n=99)

    with pytest.raises(CommandError):
        call_command("verify_ledger", tenant=tenant.slug, stdout=StringIO())

    kept = verifications.find_last()
    assert (kept.author_name, kept.is_sound, kept.first_fault) == (
        "manage.py verify_ledger",
        False,
        7,
    )
    assert "was edited after it was written" in kept.sentence


def test_a_copy_that_may_only_be_read_is_verified_and_nothing_is_kept(tenant):
    call_command("verify_ledger", tenant=tenant.slug, keep_nothing=True, stdout=StringIO())

    assert verifications.find_last() is None


@pytest.mark.parametrize("what", ["UPDATE {} SET size = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_is_kept_is_never_changed(tenant, what):
    verifications.verify(tenant=tenant, by=CAROL)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(what.format(LedgerVerification._meta.db_table))


def test_the_page_asks_a_worker_and_then_shows_what_came_of_it(tenant, hand, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.verify_ledger, "delay", lambda *said: asked.append(said))
    carol = browser(tenant)
    before = carol.get("/settings/ledger/").content.decode()

    sent = carol.post("/settings/ledger/verify/", follow=True)

    assert "never" in before
    assert "is being verified" in sent.content.decode()
    (said,) = asked
    with tenant_context(tenant):
        tasks.verify_ledger(*said)
    page = carol.get("/settings/ledger/").content.decode()
    listed = carol.get("/settings/ledger/verifications/").content.decode()
    overview = carol.get("/").content.decode()
    assert f"by {said[2]}" in page
    assert "Sound" in page
    assert "No gap." in listed
    assert "Last verified" in overview
    with tenant_context(tenant):
        rewrite(hand, entry_at(3), n=99)
        tasks.verify_ledger(*said)
    assert "Not sound from leaf 3." in carol.get("/settings/ledger/").content.decode()
    assert "from leaf 3" in carol.get("/").content.decode()


def test_a_page_goes_on_when_no_message_can_be_sent(tenant, monkeypatch):
    def fail(*said):
        raise OSError

    monkeypatch.setattr(tasks.verify_ledger, "delay", fail)

    assert browser(tenant).post("/settings/ledger/verify/").status_code == 302


def test_the_api_looks_without_a_trace_or_keeps_and_lists(tenant):
    carol = browser(tenant)

    looked = carol.get("/api/v1/ledger/verify")
    nothing = carol.get("/api/v1/ledger/verifications").json()["items"]
    kept = carol.post("/api/v1/ledger/verify")
    (item,) = carol.get("/api/v1/ledger/verifications").json()["items"]

    assert looked.json()["leaves"] == 16
    assert nothing == []
    assert (kept.status_code, kept.json()["is_sound"]) == (201, True)
    assert (item["leaves"], item["is_sound"], item["first_fault"]) == (16, True, None)
    assert item["author"]["kind"] == "user"


def test_who_may_not_see_the_ledger_and_mallory_see_and_ask_nothing(tenant):
    with tenant_context(tenant):
        verifications.verify(tenant=tenant, by=CAROL)
    author, mallory = browser(tenant, Role.AUTHOR), browser(factories.make_tenant(name="Beta"))

    assert author.post("/settings/ledger/verify/").status_code == 403
    assert author.get("/settings/ledger/verifications/").status_code == 403
    assert author.get("/api/v1/ledger/verifications").status_code == 403
    assert mallory.get("/api/v1/ledger/verifications").json()["items"] == []
    assert "Last verified" not in author.get("/").content.decode()
