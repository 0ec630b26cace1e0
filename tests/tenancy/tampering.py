"""A ledger of 16 leaves under four checkpoints, and a superuser's hand that changes it."""

import json

import psycopg
import pytest
from django.db import transaction

from tenancy import ledger, merkle, sequencer
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import LedgerEntry, LedgerLeaf, new_id
from tests import factories

BATCHES = (5, 1, 6, 4)  # 16 leaves, signed at 5, 6, 12 and 16


@pytest.fixture
def tenant():
    tenant = factories.make_tenant()
    with tenant_context(tenant):
        for count in BATCHES:
            append(count)
            sequencer.sequence(tenant)
        yield tenant


@pytest.fixture
def hand(databases):
    """A superuser for whom neither triggers nor foreign keys nor row-level security exist."""
    superuser = databases.server.url(database=databases.names.main)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def append(count):
    with transaction.atomic():
        for n in range(count):
            ledger.append(EventType.RUN_COMPLETED, subject=Subject("run", f"r-{n}"), by=SYSTEM, n=n)


def entry_at(index):
    return LedgerLeaf.objects.select_related("entry").get(index=index).entry


def rewrite(hand, entry, **facts):
    """Change an entry and its canonical bytes, too. Returns its new leaf hash."""
    entry.facts = facts
    entry.canonical = ledger.canonical_bytes(entry)
    hand.execute(
        "UPDATE tenancy_ledgerentry SET facts = %s, canonical = %s WHERE id = %s",
        [json.dumps(facts), entry.canonical, entry.pk],
    )
    return merkle.leaf_hash(entry.canonical)


def rebuild(hand, tenant):
    """Compute all leaves' hashes and all nodes anew, as somebody would who knows how it works."""
    frontier = merkle.Frontier()
    hand.execute("DELETE FROM tenancy_ledgernode WHERE tenant_id = %s", [tenant.pk])
    for leaf in LedgerLeaf.objects.select_related("entry").order_by("index"):
        hash_ = merkle.leaf_hash(bytes(leaf.entry.canonical))
        for node in frontier.append(hash_):
            hand.execute(
                "INSERT INTO tenancy_ledgernode (id, tenant_id, level, index, hash) VALUES (%s, %s, %s, %s, %s)",
                [new_id(), tenant.pk, node.level, node.index, node.hash],
            )
        hand.execute("UPDATE tenancy_ledgerleaf SET hash = %s WHERE id = %s", [hash_, leaf.pk])


def swap(hand, tenant, one, other, columns):
    before = {
        index: hand.execute(
            f"SELECT {', '.join(columns)} FROM tenancy_ledgerleaf WHERE tenant_id = %s AND index = %s",
            [tenant.pk, index],
        ).fetchone()
        for index in (one, other)
    }
    assignments = ", ".join(f"{column} = %s" for column in columns)
    if "entry_id" in columns:  # out of the way of the unique constraint
        hand.execute(
            "UPDATE tenancy_ledgerleaf SET entry_id = %s WHERE tenant_id = %s AND index = %s",
            [new_id(), tenant.pk, other],
        )
    for index, values in ((one, before[other]), (other, before[one])):
        hand.execute(
            f"UPDATE tenancy_ledgerleaf SET {assignments} WHERE tenant_id = %s AND index = %s",
            [*values, tenant.pk, index],
        )


def insert_entry():
    append(1)
    return LedgerEntry.objects.order_by("-id").first()


def insert_leaf(hand, tenant, entry, index):
    hash_ = merkle.leaf_hash(bytes(entry.canonical))
    hand.execute(
        "INSERT INTO tenancy_ledgerleaf (id, tenant_id, entry_id, index, hash, mark) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        [new_id(), tenant.pk, entry.pk, index, hash_, hash_],
    )
