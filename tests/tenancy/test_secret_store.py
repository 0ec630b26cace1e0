"""Secrets go in and do not come out, but where they are used."""

import logging

import pytest
from django.db import transaction

from tenancy import keys, ledger, secret_backends, secret_facts, secret_store
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.errors import SealBroken, SecretInvalid, SecretNotFound
from tenancy.models import LedgerEntry, Secret, SecretVersion
from tenancy.sealing import Place, seal, unseal

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

ALICE = Actor(kind="user", id="u-1", name="Alice")
CANARY = "canary-value-7f3a"


def test_what_was_put_is_revealed(in_acme, backend):
    secret_store.put(name="openai", value=CANARY, by=ALICE)

    assert secret_store.reveal("openai").expose() == CANARY


def test_a_revealed_value_does_not_show_itself(in_acme, backend):
    secret_store.put(name="openai", value=CANARY, by=ALICE)
    value = secret_store.reveal("openai")

    record = logging.LogRecord("x", 10, "", 0, "%s %r", (value, value), None)

    assert CANARY not in record.getMessage() + f"{value} {value!r}"


def test_the_newest_version_counts_and_older_ones_stay(in_acme, backend):
    secret_store.put(name="openai", value="one", by=ALICE)
    secret_store.put(name="openai", value="two", by=ALICE)

    assert secret_store.reveal("openai").expose() == "two"
    assert [version.number for version in SecretVersion.objects.all()] == [2, 1]


def test_what_may_be_seen_is_not_the_value(in_acme, backend):
    secret_store.put(name="b", value=CANARY, by=ALICE)
    secret_store.put(name="a", value="other", by=ALICE)

    facts = secret_facts.list_secrets()

    assert [each.name for each in facts] == ["a", "b"]
    assert CANARY not in repr(facts)
    assert facts[1] == secret_facts.find_secret("b")
    assert facts[0].last_used_at is None


def test_nothing_stored_holds_the_value(in_acme):
    secret_store.put(name="openai", value=CANARY, by=ALICE)

    stored = [bytes(row.sealed) for row in SecretVersion.objects.all()]
    stored += [bytes(row.canonical) for row in LedgerEntry.objects.all()]
    assert all(CANARY.encode() not in each for each in stored)


def test_the_same_value_has_the_same_fingerprint_in_its_tenant_only(acme, beta, backend):
    with tenant_context(acme):
        one = secret_store.put(name="a", value=CANARY, by=ALICE).fingerprint
        same = secret_store.put(name="b", value=CANARY, by=ALICE).fingerprint
    with tenant_context(beta):
        other = secret_store.put(name="a", value=CANARY, by=ALICE).fingerprint

    assert one == same
    assert one != other


def test_use_is_noted(in_acme, backend):
    secret_store.put(name="openai", value=CANARY, by=ALICE)

    secret_store.reveal("openai")

    assert Secret.objects.get().last_used_at is not None


def test_use_within_a_minute_writes_nothing(in_acme, django_assert_num_queries):
    secret_store.put(name="openai", value=CANARY, by=ALICE)
    secret_store.reveal("openai")

    with django_assert_num_queries(1):
        secret_store.reveal("openai")


def test_a_revoked_secret_is_gone_and_its_bytes_too(in_acme, backend):
    secret_store.put(name="openai", value=CANARY, by=ALICE)

    secret_store.revoke(name="openai", by=ALICE)
    secret_store.revoke(name="openai", by=ALICE)

    with pytest.raises(SecretNotFound):
        secret_store.reveal("openai")
    assert not secret_store.exists("openai")
    assert SecretVersion.objects.get().sealed is None
    assert [entry.event for entry in LedgerEntry.objects.all()] == ["secret.revoked", "secret.set"]


def test_a_revoked_secret_can_be_set_again(in_acme, backend):
    secret_store.put(name="openai", value="one", by=ALICE)
    secret_store.revoke(name="openai", by=ALICE)

    version = secret_store.put(name="openai", value="two", by=ALICE)

    assert version.number == 2
    assert secret_store.reveal("openai").expose() == "two"


def test_one_change_one_entry_without_the_value(in_acme, backend):
    version = secret_store.put(name="openai", value=CANARY, by=ALICE)

    entry = LedgerEntry.objects.get()
    told = {"name": "openai", "version": 1, "fingerprint": version.fingerprint}
    assert entry.facts == told | ({"backend": "vault"} if backend == "vault" else {})
    assert ledger.canonical_bytes(entry) == bytes(entry.canonical)


def test_another_tenant_has_other_secrets(acme, beta, backend):
    with tenant_context(acme):
        secret_store.put(name="openai", value=CANARY, by=ALICE)

    with tenant_context(beta), pytest.raises(SecretNotFound):
        secret_store.reveal("openai")


def test_bytes_moved_to_another_name_or_version_do_not_open(in_acme):
    one = secret_store.put(name="a", value="one", by=SYSTEM)
    secret_store.put(name="b", value="two", by=SYSTEM)
    newer = secret_store.put(name="a", value="three", by=SYSTEM)

    SecretVersion.objects.filter(secret__name="b").update(sealed=one.sealed)
    SecretVersion.objects.filter(pk=newer.pk).update(sealed=one.sealed)

    for name in ("a", "b"):
        with pytest.raises(SealBroken):
            secret_store.reveal(name)


def test_bytes_moved_to_another_tenant_do_not_open(acme, beta):
    with tenant_context(acme):
        theirs = bytes(secret_store.put(name="a", value=CANARY, by=SYSTEM).sealed)
    with tenant_context(beta):
        ours = secret_store.put(name="a", value="two", by=SYSTEM)  # of the same name and number
        SecretVersion.objects.filter(pk=ours.pk).update(sealed=theirs)

        with pytest.raises(SealBroken):
            secret_store.reveal("a")


@pytest.mark.parametrize(
    "moved",
    [
        {"tenant": True},  # the key is the same here: the place alone refuses it
        {"table": "secretbackend"},
        {"row": "b"},
        {"column": "2"},
        {},  # the control: where nothing is moved it opens
    ],
)
def test_the_place_itself_is_sealed_in(acme, beta, moved):
    with tenant_context(acme):
        key = keys.derived_key(secret_backends.PURPOSE)
        sealed = bytes(secret_store.put(name="a", value=CANARY, by=SYSTEM).sealed)
    place = {"tenant_id": acme.pk, "table": "secret", "row": "a", "column": "1"} | moved
    if place.pop("tenant", False):
        place["tenant_id"] = beta.pk

    if moved:
        with pytest.raises(SealBroken):
            unseal(key, sealed, place=Place(**place))
    else:
        assert unseal(key, sealed, place=Place(**place)).decode() == CANARY


def test_a_credential_of_vault_is_no_secret(in_acme):
    version = secret_store.put(name="a", value="one", by=SYSTEM)
    key = keys.derived_key(secret_backends.PURPOSE)
    credential = seal(key, b"the token", place=secret_backends._own_place())

    SecretVersion.objects.filter(pk=version.pk).update(sealed=credential)

    with pytest.raises(SealBroken):
        secret_store.reveal("a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("Upper", "x"),
        ("with space", "x"),
        ("a" * 65, "x"),
        ("a", ""),
        ("a", "x" * 65_000),
    ],
)
def test_what_is_no_secret_is_refused(in_acme, name, value):
    with pytest.raises(SecretInvalid), transaction.atomic():
        secret_store.put(name=name, value=value, by=ALICE)
    with pytest.raises(SecretNotFound):
        secret_store.revoke(name=name, by=ALICE)
