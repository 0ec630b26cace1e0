"""Every entry gets one leaf, whatever commits when, and whoever else sequences."""

import os
import threading

import pytest
from django.db import close_old_connections, connection, connections, transaction

from tenancy import ledger, merkle, sequencer
from tenancy.actors import SYSTEM
from tenancy.checkpoints import Verifier
from tenancy.checkpoints import verify as verify_note
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import LedgerCheckpoint, LedgerEntry, LedgerLeaf, SigningKey
from tenancy.verification import verify
from tests import factories
from tests.runs.making import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(databases=["default", "keys"], transaction=True)


def append(count=1, **facts):
    with transaction.atomic():
        return [
            ledger.append(
                EventType.RUN_COMPLETED, subject=Subject("run", f"r-{n}"), by=SYSTEM, **facts
            )
            for n in range(count)
        ]


@pytest.fixture
def tenant():
    tenant = factories.make_tenant()
    with tenant_context(tenant):
        yield tenant


def close_connections():
    for alias in ("default", "keys"):
        connections[alias].close()


def test_entries_get_leaves_in_order_and_a_signed_checkpoint(tenant):
    entries = append(5)

    assert sequencer.sequence(tenant) == 5

    leaves = list(LedgerLeaf.objects.order_by("index"))
    assert [leaf.entry_id for leaf in leaves] == [entry.pk for entry in entries]
    assert [leaf.index for leaf in leaves] == [0, 1, 2, 3, 4]
    root = merkle.root_of(merkle.leaf_hash(bytes(entry.canonical)) for entry in entries)
    key = SigningKey.objects.get()
    checkpoint = LedgerCheckpoint.objects.get()
    signed = verify_note(checkpoint.note, Verifier(key.name, bytes(key.public_key)))
    assert (signed.size, signed.root) == (5, root) == (checkpoint.size, bytes(checkpoint.root))


def test_nothing_new_makes_no_checkpoint(tenant):
    append(2)
    sequencer.sequence(tenant)

    assert sequencer.sequence(tenant) == 0
    assert LedgerCheckpoint.objects.count() == 1


def test_a_tree_goes_on_where_it_stopped(tenant):
    for count in (3, 1, 4, 1, 5):
        append(count)
        sequencer.sequence(tenant)

    assert LedgerLeaf.objects.count() == 14
    assert verify(tenant).is_sound
    proof = merkle.inclusion_proof(6, 14, sequencer.read_node)
    root = bytes(LedgerCheckpoint.objects.get(size=14).root)
    assert merkle.is_included(sequencer.read_node(0, 6), 6, 14, proof, root)


def test_batches_leave_nothing_behind(tenant, monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 4)
    append(11)

    assert sequencer.sequence(tenant) == 11
    assert LedgerCheckpoint.objects.count() == 3
    assert verify(tenant).is_sound


def test_an_entry_that_commits_late_gets_the_next_index(tenant):
    append()
    sequencer.sequence(tenant)
    begun, go_on, late = threading.Event(), threading.Event(), []

    def write_slowly():
        with tenant_context(tenant), transaction.atomic():
            late.append(
                ledger.append(EventType.RUN_FAILED, subject=Subject("run", "slow"), by=SYSTEM).pk
            )
            begun.set()
            go_on.wait(PATIENCE_SECONDS)
        close_connections()

    thread = threading.Thread(target=write_slowly)
    thread.start()
    begun.wait(PATIENCE_SECONDS)
    append(2)  # younger, and committed first
    assert sequencer.sequence(tenant) == 2
    append(1)
    assert sequencer.sequence(tenant) == 1
    go_on.set()
    thread.join()

    assert sequencer.sequence(tenant) == 1

    leaf = LedgerLeaf.objects.get(entry_id=late[0])
    assert leaf.index == 4
    assert verify(tenant).is_sound


def test_transaction_numbers_that_began_anew_are_noticed(tenant):
    """As after a dump was restored into another server: the last checkpoint speaks of numbers still to come."""
    append(1)
    sequencer.sequence(tenant)
    last = LedgerCheckpoint.objects.get()
    append(1)
    sequencer._searched_fully.add((os.getpid(), tenant.pk))
    last.seen_before += 10**9

    found = sequencer._entries_without_leaf(tenant, last, sequencer._settled_transactions())

    assert len(found) == 1


def test_only_one_sequences_at_a_time(tenant):
    append(3)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ledger.lock_number(tenant.pk)])
        placed = []

        def try_it():
            placed.append(sequencer.sequence(tenant))
            close_connections()

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()

    assert placed == [0]
    assert sequencer.sequence(tenant) == 3


def test_writers_and_sequencers_at_once_lose_nothing(tenant):
    writing = threading.Barrier(6)
    done = threading.Event()

    def write():
        writing.wait()
        for n in range(20):
            with tenant_context(tenant):
                append(1 + n % 3)
        close_connections()

    def sequence():
        writing.wait()
        while not done.is_set():
            sequencer.sequence(tenant)
        close_connections()

    writers = [threading.Thread(target=write) for _ in range(4)]
    sequencers = [threading.Thread(target=sequence) for _ in range(2)]
    for thread in (*writers, *sequencers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sequencers:
        thread.join()
    sequencer.sequence(tenant)

    report = verify(tenant)
    assert report.is_sound
    assert report.waiting == 0
    assert report.size == LedgerEntry.objects.count() == 4 * 39


def test_a_new_signing_key_signs_and_the_old_one_still_verifies(tenant):
    append(2)
    sequencer.sequence(tenant)
    sequencer.replace_signing_key(by=SYSTEM)
    append(2)
    sequencer.sequence(tenant)

    report = verify(tenant)

    assert report.is_sound
    assert len(report.verifiers) == 2
    assert LedgerEntry.objects.filter(event="signing_key.created").count() == 1
    assert LedgerCheckpoint.objects.values("signing_key").distinct().count() == 2


def test_tenants_have_trees_of_their_own(tenant):
    other = factories.make_tenant(name="Beta")
    append(2)
    with tenant_context(other):
        append(3)

    assert (sequencer.sequence(tenant), sequencer.sequence(other)) == (2, 3)
    close_old_connections()
