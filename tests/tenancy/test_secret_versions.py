"""A new version waits for its test while the one before goes on; bindings and last days hold, here and in Vault."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from tenancy import secret_facts, secret_store, secret_uses
from tenancy.actors import SYSTEM
from tenancy.errors import (
    NoVersionWaits,
    SecretConflict,
    SecretExpired,
    SecretInUse,
    SecretInvalid,
    SecretNotFound,
    SecretUseRefused,
)
from tenancy.models import LedgerEntry, Secret, SecretVersion
from tenancy.secret_facts import VersionState
from tenancy.secret_uses import Bindings, Purpose, SecretUse, Tried, Usage

pytestmark = [
    pytest.mark.django_db(databases=["default", "keys"], transaction=True),
    pytest.mark.usefixtures("in_acme", "backend"),
]


def put(value: str, *, waits: bool = False, name: str = "key") -> SecretVersion:
    return secret_store.put(name=name, value=value, by=SYSTEM, waits=waits)


def in_use(name: str = "key") -> str:
    return secret_store.reveal(name).expose()


def states() -> list[tuple[int, str]]:
    facts = secret_facts.find_secret("key")
    assert facts is not None
    return [(version.number, str(version.state)) for version in facts.versions]


@pytest.fixture
def uses(monkeypatch):
    """What names secrets, and what a test of one finds, as a floor above would register it."""
    finders, testers = [], []
    monkeypatch.setattr(secret_uses, "_finders", finders)
    monkeypatch.setattr(secret_uses, "_testers", testers)
    return finders, testers


class TestReplacing:
    def test_the_old_version_goes_on_until_the_new_one_is_confirmed(self):
        put("one")
        put("two", waits=True)

        assert in_use() == "one"
        assert states() == [(2, VersionState.WAITS), (1, VersionState.IN_USE)]

        secret_store.confirm(name="key", by=SYSTEM)

        assert in_use() == "two"
        assert states() == [(2, VersionState.IN_USE), (1, VersionState.EMPTIED)]

    def test_what_is_used_at_once_leaves_the_old_version_readable_until_confirmed(self):
        put("one")
        put("two")
        assert in_use() == "two"
        assert states() == [(2, VersionState.IN_USE), (1, VersionState.KEPT)]

        secret_store.discard(name="key", by=SYSTEM)

        assert in_use() == "one"
        assert states() == [(2, VersionState.EMPTIED), (1, VersionState.IN_USE)]

    def test_a_version_that_waits_can_be_discarded_and_replaced_again(self):
        put("one")
        put("two", waits=True)
        secret_store.discard(name="key", by=SYSTEM)
        put("three", waits=True)

        assert in_use() == "one"
        secret_store.confirm(name="key", by=SYSTEM)
        assert in_use() == "three"
        assert [state for _, state in states()] == ["in_use", "emptied", "emptied"]

    def test_the_first_version_waits_for_nobody(self):
        put("one", waits=True)

        assert in_use() == "one"

    def test_a_revoked_secret_comes_back_without_its_old_versions(self):
        put("one")
        secret_store.revoke(name="key", by=SYSTEM)
        put("two", waits=True)

        assert in_use() == "two"
        assert states() == [(2, VersionState.IN_USE), (1, VersionState.EMPTIED)]

    @pytest.mark.parametrize("verb", [secret_store.confirm, secret_store.discard])
    def test_where_nothing_waits_there_is_nothing_to_decide(self, verb):
        put("one")

        with pytest.raises(NoVersionWaits):
            verb(name="key", by=SYSTEM)
        with pytest.raises(SecretNotFound):
            verb(name="nothing", by=SYSTEM)
        assert in_use() == "one"

    def test_a_newer_version_is_not_confirmed_for_another(self):
        put("one")
        put("two", waits=True)
        put("three", waits=True)

        with pytest.raises(SecretConflict):
            secret_store.confirm(name="key", number=2, by=SYSTEM)
        assert in_use() == "one"

    def test_each_change_is_one_entry(self):
        put("one")
        put("two", waits=True)
        secret_store.discard(name="key", by=SYSTEM)
        put("three", waits=True)
        secret_store.confirm(name="key", by=SYSTEM)

        events = [entry.event for entry in LedgerEntry.objects.order_by("id")]
        assert events == [
            "secret.set",
            "secret.set",
            "secret.discarded",
            "secret.set",
            "secret.confirmed",
        ]

    def test_nothing_is_left_of_what_was_emptied(self):
        put("one")
        put("two", waits=True)
        secret_store.confirm(name="key", by=SYSTEM)
        secret_store.revoke(name="key", by=SYSTEM)

        kept = SecretVersion.objects.values_list("sealed", "outside_version", "emptied_at")
        assert [row[:2] for row in kept] == [(None, None), (None, None)]
        assert all(row[2] for row in kept)


class TestTesting:
    def test_a_version_that_passes_everywhere_is_confirmed(self, uses):
        seen = []
        uses[1].append(lambda name, by: [tried(name, seen)])
        put("one")
        put("two", waits=True)

        results = secret_store.test(name="key", by=SYSTEM)

        assert [result.passed for result in results] == [True]
        assert seen == ["two"]
        assert in_use() == "two"
        assert states() == [(2, VersionState.IN_USE), (1, VersionState.EMPTIED)]

    def test_a_version_that_fails_somewhere_goes_on_waiting(self, uses):
        uses[1].append(lambda name, by: [tried(name, []), tried(name, [], passed=False)])
        put("one")
        put("two", waits=True)

        secret_store.test(name="key", by=SYSTEM)

        assert in_use() == "one"

    def test_what_nothing_uses_is_not_tested(self, uses):
        put("one")
        put("two", waits=True)

        assert secret_store.test(name="key", by=SYSTEM) == []
        assert in_use() == "one"

    def test_nothing_is_tested_of_what_is_not_there(self, uses):
        with pytest.raises(SecretNotFound):
            secret_store.test(name="key", by=SYSTEM)


def tried(name, seen, *, passed=True):
    seen.append(in_use(name))
    return Tried(kind="provider", name="p", passed=passed, sentence="It answered.")


class TestExpiry:
    @pytest.mark.parametrize(("days", "serves"), [(1, True), (0, True), (-1, False)])
    def test_a_secret_serves_through_its_last_day(self, days, serves):
        put("one")
        change(expires_on=now().date() + timedelta(days=days))

        if serves:
            assert in_use() == "one"
        else:
            with pytest.raises(SecretExpired, match="later last day"):
                in_use()
        facts = secret_facts.find_secret("key")
        assert facts is not None
        assert facts.days_left == days

    def test_what_changes_nothing_leaves_no_trace(self):
        put("one")
        change(expires_on=now().date())
        change(expires_on=now().date())

        assert LedgerEntry.objects.filter(event="secret.changed").count() == 1


def change(*, expires_on=None, **bindings):
    secret_store.change(name="key", by=SYSTEM, expires_on=expires_on, bindings=Bindings(**bindings))


HERE = SecretUse(
    purpose=Purpose.MODEL_CALL,
    workflow="claims",
    provider="openai-eu",
    data_class="confidential",
    node_id="ask",
)


class TestBindings:
    @pytest.mark.parametrize(
        ("bound", "says"),
        [
            ({}, ""),
            ({"workflows": ("claims", "letters")}, ""),
            ({"providers": ("openai-eu",)}, ""),
            ({"providers": ("openai-eu",), "destinations": ("crm",)}, ""),
            ({"classes": ("internal", "confidential")}, ""),
            ({"workflows": ("letters",)}, "claims may not"),
            ({"providers": ("openai-us",)}, "openai-eu may not"),
            ({"destinations": ("crm",)}, "openai-eu may not"),
            ({"classes": ("public",)}, "confidential data may not"),
        ],
    )
    def test_use_is_held_to_them_and_a_refusal_is_on_record(self, bound, says):
        put("one")
        change(**bound)

        if not says:
            assert secret_store.reveal("key", use=HERE).expose() == "one"
            assert secret_store.find_refusal("key", HERE) is None
            return
        with pytest.raises(SecretUseRefused, match=says):
            secret_store.reveal("key", use=HERE)
        assert says in secret_store.find_refusal("key", HERE).sentence
        entry = LedgerEntry.objects.get(event="secret.use_refused")
        assert entry.facts["workflow"] == "claims"
        assert entry.facts["node"] == "ask"
        assert Secret.objects.get().last_used_at is None

    def test_what_is_not_said_is_allowed_by_no_binding(self):
        put("one")
        for bound in ({"workflows": ("a",)}, {"providers": ("b",)}, {"classes": ("public",)}):
            change(**bound)
            with pytest.raises(SecretUseRefused):
                in_use()

    def test_what_is_said_around_the_call_counts(self):
        put("one")
        change(workflows=("claims",), providers=("openai-eu",))

        with secret_uses.used_for(SecretUse(workflow="claims")):
            assert secret_store.reveal("key", use=SecretUse(provider="openai-eu")).expose() == "one"
            with pytest.raises(SecretUseRefused):
                in_use()
        with pytest.raises(SecretUseRefused):
            secret_store.reveal("key", use=SecretUse(provider="openai-eu"))

    def test_a_persons_test_is_held_to_the_place_only(self):
        put("one")
        change(workflows=("claims",), classes=("public",), providers=("p",))

        use = SecretUse(purpose=Purpose.TEST, provider="p")
        assert secret_store.reveal("key", use=use).expose() == "one"
        with pytest.raises(SecretUseRefused):
            secret_store.reveal("key", use=SecretUse(purpose=Purpose.TEST, provider="q"))

    @pytest.mark.parametrize("names", [("Upper case",), ("",), tuple(f"w{n}" for n in range(201))])
    def test_what_is_no_name_is_refused(self, names):
        put("one")

        with pytest.raises(SecretInvalid):
            change(workflows=names)


class TestRevoking:
    def test_what_something_names_wants_its_name(self, uses):
        uses[0].append(
            lambda: [Usage(secret="key", kind="provider", name="p", workflows=("claims",))]
        )
        put("one")

        with pytest.raises(SecretInUse) as refusal:
            secret_store.revoke(name="key", by=SYSTEM)
        assert refusal.value.extra["used_by"][0]["workflows"] == ["claims"]
        assert secret_facts.hit_by_revoking("key") == {"provider": ["p"], "workflow": ["claims"]}
        assert in_use() == "one"

        secret_store.revoke(name="key", by=SYSTEM, confirmation="key")

        with pytest.raises(SecretNotFound):
            in_use()
        assert LedgerEntry.objects.get(event="secret.revoked").facts["used_by"] == ["provider:p"]
