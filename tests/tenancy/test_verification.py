"""Whoever changes the ledger is found out, and the first wrong leaf is named. The hand is a superuser's."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenancy import merkle, sequencer
from tenancy.checkpoints import Checkpoint, sign
from tenancy.context import tenant_context
from tenancy.faults import FaultKind
from tenancy.models import LedgerCheckpoint, LedgerLeaf, SigningKey
from tenancy.verification import verify
from tests import factories
from tests.tenancy.tampering import (
    append,
    entry_at,
    hand,
    insert_entry,
    insert_leaf,
    rebuild,
    rewrite,
    swap,
    tenant,
)

__all__ = ["hand", "tenant"]  # fixtures
pytestmark = pytest.mark.django_db(databases=["default", "keys"], transaction=True)


def first_fault(tenant, **options):
    fault = verify(tenant, **options).faults[0]
    return fault.kind, fault.index


def test_an_untouched_ledger_is_sound(tenant):
    append(2)

    report = verify(tenant)

    assert report.is_sound
    assert (report.size, report.checkpoints, report.waiting) == (16, 4, 2)


def test_an_empty_ledger_is_sound():
    assert verify(factories.make_tenant()).is_sound


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event", "run.failed"),
        ("subject_id", "r-99"),
        ("actor_id", "somebody"),
        ("at", "2020-01-01T00:00:00Z"),
        ("facts", '{"n": 99}'),
        ("canonical", b"{}"),
    ],
)
def test_an_edited_column_is_found(tenant, hand, column, value):
    hand.execute(
        f"UPDATE tenancy_ledgerentry SET {column} = %s WHERE id = %s", [value, entry_at(7).pk]
    )

    assert first_fault(tenant) == (FaultKind.EDITED, 7)


@pytest.mark.parametrize("index", range(16))
def test_an_edited_entry_is_found_wherever_it_is(tenant, hand, index):
    rewrite(hand, entry_at(index), n=99)

    assert first_fault(tenant) == (FaultKind.EDITED, index)


@pytest.mark.parametrize("index", range(16))
def test_an_edited_entry_whose_leaf_was_adapted_is_found(tenant, hand, index):
    hash_ = rewrite(hand, entry_at(index), n=99)
    hand.execute(
        "UPDATE tenancy_ledgerleaf SET hash = %s WHERE tenant_id = %s AND index = %s",
        [hash_, tenant.pk, index],
    )

    assert first_fault(tenant) == (FaultKind.EDITED, index)


@pytest.mark.parametrize("index", range(16))
def test_an_edited_entry_in_a_tree_computed_anew_is_found(tenant, hand, index):
    rewrite(hand, entry_at(index), n=99)
    rebuild(hand, tenant)

    assert first_fault(tenant) == (FaultKind.EDITED, index)


def test_without_the_root_key_it_is_found_between_two_checkpoints(tenant, hand, settings):
    rewrite(hand, entry_at(8), n=99)
    rebuild(hand, tenant)
    settings.ROOT_KEY = ""

    fault = verify(tenant).faults[0]

    assert (fault.kind, fault.index, fault.last) == (FaultKind.EDITED, 6, 11)


def test_two_edited_entries_are_both_named(tenant, hand):
    rewrite(hand, entry_at(9), n=99)
    rewrite(hand, entry_at(3), n=99)

    assert [fault.index for fault in verify(tenant).faults] == [3, 9]


@pytest.mark.parametrize("index", [0, 4, 5, 9, 14])
def test_a_dropped_entry_is_found(tenant, hand, index):
    hand.execute("DELETE FROM tenancy_ledgerentry WHERE id = %s", [entry_at(index).pk])

    assert first_fault(tenant) == (FaultKind.DROPPED, index)


@pytest.mark.parametrize("index", [0, 4, 5, 9, 14])
def test_a_dropped_leaf_is_found(tenant, hand, index):
    hand.execute(
        "DELETE FROM tenancy_ledgerleaf WHERE tenant_id = %s AND index = %s", [tenant.pk, index]
    )

    assert first_fault(tenant) == (FaultKind.DROPPED, index)


@pytest.mark.parametrize("index", [0, 4, 5, 9, 14])
def test_a_dropped_entry_after_which_the_rest_moved_up_is_found(tenant, hand, index):
    hand.execute("DELETE FROM tenancy_ledgerentry WHERE id = %s", [entry_at(index).pk])
    hand.execute(
        "DELETE FROM tenancy_ledgerleaf WHERE tenant_id = %s AND index = %s", [tenant.pk, index]
    )
    for later in range(index + 1, 16):
        hand.execute(
            "UPDATE tenancy_ledgerleaf SET index = index - 1 WHERE tenant_id = %s AND index = %s",
            [tenant.pk, later],
        )

    assert first_fault(tenant) == (FaultKind.DROPPED, index)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (2, 3), (6, 9), (1, 13)])
@pytest.mark.parametrize("columns", [("entry_id",), ("entry_id", "hash"), ("hash",)])
def test_two_leaves_that_changed_places_are_found(tenant, hand, one, other, columns):
    swap(hand, tenant, one, other, columns)

    kind, index = first_fault(tenant)

    assert (kind, index) == (FaultKind.REORDERED, one)


@pytest.mark.parametrize(("one", "other"), [(6, 9), (12, 13)])
def test_two_leaves_that_changed_places_in_a_tree_computed_anew_are_found(tenant, hand, one, other):
    swap(hand, tenant, one, other, ("entry_id", "hash"))
    rebuild(hand, tenant)

    assert first_fault(tenant) == (FaultKind.REORDERED, one)


@pytest.mark.parametrize("size", [0, 3, 5, 11, 15])
def test_a_truncated_ledger_is_found(tenant, hand, size):
    hand.execute(
        "DELETE FROM tenancy_ledgerentry WHERE id IN "
        "(SELECT entry_id FROM tenancy_ledgerleaf WHERE tenant_id = %s AND index >= %s)",
        [tenant.pk, size],
    )
    hand.execute(
        "DELETE FROM tenancy_ledgerleaf WHERE tenant_id = %s AND index >= %s", [tenant.pk, size]
    )

    assert first_fault(tenant) == (FaultKind.TRUNCATED, size)


def test_a_ledger_truncated_with_its_checkpoints_is_found_with_one_kept_elsewhere(tenant, hand):
    kept = LedgerCheckpoint.objects.get(size=16).note
    for table, column in (("ledgerleaf", "index + 1"), ("ledgercheckpoint", "size")):
        hand.execute(
            f"DELETE FROM tenancy_{table} WHERE tenant_id = %s AND {column} > 12", [tenant.pk]
        )

    assert verify(tenant).is_sound
    assert first_fault(tenant, anchors=[kept]) == (FaultKind.TRUNCATED, 12)


@pytest.mark.parametrize("index", [0, 3, 5, 6, 11, 15])
def test_an_inserted_leaf_is_found(tenant, hand, index):
    entry = insert_entry()
    for later in range(15, index - 1, -1):
        hand.execute(
            "UPDATE tenancy_ledgerleaf SET index = index + 1 WHERE tenant_id = %s AND index = %s",
            [tenant.pk, later],
        )
    insert_leaf(hand, tenant, entry, index)

    assert first_fault(tenant) == (FaultKind.INSERTED, index)


def test_a_leaf_added_at_the_end_is_found(tenant, hand):
    insert_leaf(hand, tenant, insert_entry(), 16)
    rebuild(hand, tenant)

    assert first_fault(tenant) == (FaultKind.INSERTED, 16)


def test_a_changed_node_is_found_and_is_not_blamed_on_an_entry(tenant, hand):
    hand.execute(
        "UPDATE tenancy_ledgernode SET hash = %s WHERE tenant_id = %s AND level = 1 AND index = 3",
        [bytes(32), tenant.pk],
    )

    fault, *more = verify(tenant).faults

    assert (fault.kind, fault.index, more) == (FaultKind.TREE, 6, [])


def test_a_changed_mark_is_not_blamed_on_an_entry(tenant, hand):
    hand.execute(
        "UPDATE tenancy_ledgerleaf SET mark = %s WHERE tenant_id = %s AND index = 9",
        [bytes(32), tenant.pk],
    )

    assert first_fault(tenant) == (FaultKind.TREE, 9)


@pytest.mark.parametrize(
    "change",
    [
        "note = replace(note, E'\\n12\\n', E'\\n11\\n')",  # what was signed
        "root = sha256('')",  # what stands beside it
        "size = 11",
    ],
)
def test_a_changed_checkpoint_is_found(tenant, hand, change):
    hand.execute(
        f"UPDATE tenancy_ledgercheckpoint SET {change} WHERE tenant_id = %s AND size = 12",
        [tenant.pk],
    )

    assert first_fault(tenant)[0] == FaultKind.FORGED


def test_a_ledger_signed_anew_with_another_key_is_found(tenant, hand):
    """Whoever has the database but not the root key cannot make a signing key that opens."""
    rewrite(hand, entry_at(8), n=99)
    rebuild(hand, tenant)
    forger, row = Ed25519PrivateKey.generate(), SigningKey.objects.get()
    hand.execute(
        "UPDATE tenancy_signingkey SET public_key = %s WHERE id = %s",
        [forger.public_key().public_bytes_raw(), row.pk],
    )
    for checkpoint in LedgerCheckpoint.objects.all():
        leaves = LedgerLeaf.objects.filter(index__lt=checkpoint.size).order_by("index")
        root = merkle.root_of(bytes(leaf.hash) for leaf in leaves)
        note = sign(Checkpoint(row.name, checkpoint.size, root), forger)
        hand.execute(
            "UPDATE tenancy_ledgercheckpoint SET root = %s, note = %s WHERE id = %s",
            [root, note, checkpoint.pk],
        )

    found = [(fault.kind, fault.index) for fault in verify(tenant).faults]
    assert found[0] == (FaultKind.FORGED, 0)
    assert found[1] == (FaultKind.TREE, 8)  # its mark could not be made


def test_a_signing_key_whose_private_half_was_replaced_is_found(tenant, hand):
    hand.execute(
        "UPDATE tenancy_signingkey SET private_sealed = %s WHERE tenant_id = %s",
        [bytes(70), tenant.pk],
    )

    assert first_fault(tenant) == (FaultKind.FORGED, 0)


def test_a_checkpoint_of_another_ledger_is_no_anchor(tenant):
    other = factories.make_tenant(name="Beta")
    with tenant_context(other):
        append(1)
        sequencer.sequence(other)
        note = LedgerCheckpoint.objects.get().note

    assert first_fault(tenant, anchors=[note])[0] == FaultKind.FORGED
