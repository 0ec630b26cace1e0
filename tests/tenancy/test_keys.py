"""Keys nest strictly, and what is destroyed stays destroyed."""

import threading
from uuid import uuid4

import pytest
from django.db import DatabaseError, connections, transaction

from tenancy import keys
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.errors import KeyDestroyed, KeyNotFound, NoTenant, SealBroken
from tenancy.models import DataKey, OwnerKey, TenantKey
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def test_a_taken_key_opens_again(in_acme):
    taken = keys.take_data_key()

    assert keys.open_data_key(taken.id) == taken


def test_every_taken_key_is_another(in_acme):
    taken = {keys.take_data_key(owner_label=label).id for label in ("", "", "42", "42", "43")}

    assert len(taken) == 5
    assert OwnerKey.objects.count() == 3
    assert TenantKey.objects.count() == 1


def test_repr_does_not_show_the_key(in_acme):
    taken = keys.take_data_key()

    assert str(taken.secret) not in repr(taken)
    assert "secret" not in repr(taken)


def test_without_a_tenant_there_is_no_key(db):
    with pytest.raises(NoTenant):
        keys.take_data_key()


def test_another_tenants_key_is_not_found(acme, beta):
    with tenant_context(acme):
        taken = keys.take_data_key()

    with tenant_context(beta), pytest.raises(KeyNotFound):
        keys.open_data_key(taken.id)


def test_keys_follow_a_tenant_that_was_set_on_the_default_connection_only(acme):
    connections["default"].set_tenant(acme)

    taken = keys.take_data_key()

    assert keys.open_data_key(taken.id) == taken
    assert getattr(connections["keys"].tenant, "pk", None) is None


def test_a_destroyed_data_key_does_not_open_and_its_row_stays(in_acme):
    gone, kept = keys.take_data_key(), keys.take_data_key()

    assert keys.destroy_data_keys([gone.id], by=SYSTEM) == 1
    assert keys.destroy_data_keys([gone.id], by=SYSTEM) == 0

    with pytest.raises(KeyDestroyed):
        keys.open_data_key(gone.id)
    assert keys.is_destroyed(gone.id)
    assert not keys.is_destroyed(kept.id)
    assert bytes(DataKey.objects.get(pk=gone.id).wrapped) == b""
    assert keys.open_data_key(kept.id) == kept
    assert set(keys.open_data_keys([gone.id, kept.id])) == {kept.id}


def test_destroying_an_owners_key_erases_all_that_is_the_owners(in_acme):
    theirs = [keys.take_data_key(owner_label="42") for _ in range(2)]
    others = keys.take_data_key(owner_label="43")

    assert keys.destroy_owner_key(owner_label="42", by=SYSTEM) == 1

    for key in theirs:
        with pytest.raises(KeyDestroyed):
            keys.open_data_key(key.id)
    assert keys.open_data_key(others.id) == others


def test_an_owner_who_comes_back_gets_a_new_key(in_acme):
    before = keys.take_data_key(owner_label="42")
    keys.destroy_owner_key(owner_label="42", by=SYSTEM)

    after = keys.take_data_key(owner_label="42")

    assert keys.open_data_key(after.id) == after
    assert keys.is_destroyed(before.id)


@pytest.mark.parametrize(
    "change",
    [
        {"destroyed_at": None, "wrapped": b"back again"},  # brought back
        {"wrapped": b"back again"},  # bytes put beside the date
    ],
)
def test_a_destroyed_key_cannot_be_brought_back(in_acme, change):
    gone = keys.take_data_key()
    keys.destroy_data_keys([gone.id], by=SYSTEM)

    with pytest.raises(DatabaseError), transaction.atomic(using="keys"):
        DataKey.objects.filter(pk=gone.id).update(**change)


def test_a_key_row_cannot_be_deleted(in_acme):
    taken = keys.take_data_key()

    with pytest.raises(DatabaseError), transaction.atomic(using="keys"):
        DataKey.objects.filter(pk=taken.id).delete()


def test_a_wrapped_key_opens_in_its_own_row_only(in_acme):
    one, other = keys.take_data_key(), keys.take_data_key()
    DataKey.objects.filter(pk=one.id).update(wrapped=DataKey.objects.get(pk=other.id).wrapped)

    with pytest.raises(SealBroken):
        keys.open_data_key(one.id)


def test_no_owner_label_is_stored(in_acme):
    keys.take_data_key(owner_label="customer 4711")

    for row in OwnerKey.objects.all():
        assert b"4711" not in bytes(row.label_digest) + bytes(row.wrapped)


def test_unknown_key_is_not_found(in_acme):
    with pytest.raises(KeyNotFound):
        keys.open_data_key(uuid4())


def test_blind_index_ignores_case_and_spaces_and_differs_between_tenants(acme, beta):
    with tenant_context(acme):
        one, same = keys.blind_index("Ann  Example "), keys.blind_index("ann example")
    with tenant_context(beta):
        other = keys.blind_index("ann example")

    assert one == same
    assert one != other
    assert len(one) == 64


@pytest.mark.django_db(databases=["default", "keys"], transaction=True)
def test_threads_share_a_pool_and_no_key():
    tenant = factories.make_tenant()
    taken: list[keys.DataKeyRef] = []

    def take() -> None:
        with tenant_context(tenant):
            taken.extend(keys.take_data_key() for _ in range(25))
        for alias in ("default", "keys"):
            connections[alias].close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({key.id for key in taken}) == len({key.secret for key in taken}) == 100
    with tenant_context(tenant):
        assert keys.open_data_keys([key.id for key in taken]) == {key.id: key for key in taken}
        assert TenantKey.objects.count() == OwnerKey.objects.count() == 1
