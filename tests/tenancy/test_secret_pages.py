"""Secrets by page and API: in, never out; versions, bindings and last days; what stops is said before it stops."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from tenancy import secret_backends, secret_facts, secret_store, secret_uses
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tenancy.secret_uses import Tried, Usage
from tests import factories
from tests.tenancy.vault_server import ROOT_TOKEN, VaultServer

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

CANARY = "sk-canary-0123456789"


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


def test_value_goes_in_by_page_and_never_comes_out(acme: Tenant, alice: Client) -> None:
    stored = alice.post("/settings/secrets/-/put/", {"name": "openai", "value": CANARY})

    page = alice.get("/settings/secrets/").content.decode()
    api = alice.get("/api/v1/secrets/openai").content.decode()
    assert stored.status_code == 302
    assert "openai" in page
    assert CANARY not in page + api
    with tenant_context(acme):
        assert secret_store.reveal("openai").expose() == CANARY
        facts = [str(entry.facts) for entry in LedgerEntry.objects.all()]
    assert CANARY not in "".join(facts)


def test_form_with_errors_forgets_the_value(acme: Tenant, alice: Client) -> None:
    response = alice.post("/settings/secrets/-/put/", {"name": "NOT A NAME", "value": CANARY})

    assert response.status_code == 422
    assert CANARY not in response.content.decode()


def test_api_stores_replaces_and_revokes(acme: Tenant, alice: Client) -> None:
    path, json = "/api/v1/secrets/openai", "application/json"

    first = alice.put(path, {"value": CANARY}, json).json()
    second = alice.put(path, {"value": "another"}, json).json()
    revoked = alice.delete(path)

    assert (first["version"], second["version"], revoked.status_code) == (1, 2, 204)
    assert alice.get("/api/v1/secrets").json()["items"][0]["revoked_at"]
    assert alice.get("/api/v1/secrets/nothing").status_code == 404


def test_ledger_is_listed_and_filtered(acme: Tenant, alice: Client) -> None:
    alice.put("/api/v1/secrets/openai", {"value": CANARY}, "application/json")

    everything = alice.get("/api/v1/ledger/entries").json()["items"]
    nothing = alice.get("/api/v1/ledger/entries?event=run.started").json()["items"]

    assert "secret.set" in [entry["event"] for entry in everything]
    assert nothing == []


def test_auditor_sees_names_but_stores_nothing(acme: Tenant) -> None:
    carol = factories.make_client(factories.make_member(tenant=acme, role=Role.AUDITOR))

    assert carol.get("/api/v1/secrets").status_code == 200
    assert carol.put("/api/v1/secrets/x", {"value": "y"}, "application/json").status_code == 403


JSON = "application/json"
PAGE = "/settings/secrets/key/"
API = "/api/v1/secrets/key"


@dataclass
class Key:
    """A secret of acme, looked at and replaced from outside of its tenant."""

    tenant: Tenant

    def put(self, value: str, *, waits: bool = False) -> None:
        with tenant_context(self.tenant):
            secret_store.put(name="key", value=value, by=SYSTEM, waits=waits)

    @property
    def value(self) -> str:
        with tenant_context(self.tenant):
            return secret_store.reveal("key").expose()

    @property
    def facts(self) -> secret_facts.SecretFacts:
        with tenant_context(self.tenant):
            found = secret_facts.find_secret("key")
        assert found is not None
        return found


@pytest.fixture
def key(acme: Tenant) -> Key:
    """With a version in use and one that waits."""
    key = Key(acme)
    key.put(CANARY + "-one")
    key.put(CANARY + "-two", waits=True)
    return key


@pytest.fixture
def used(key: Key, monkeypatch: pytest.MonkeyPatch) -> list[Tried]:
    """A provider and a destination name the secret; what a test of them finds is in the list."""
    tried: list[Tried] = []
    usages = [
        Usage(secret="key", kind="provider", name="openai-eu", workflows=("claims", "triage")),
        Usage(secret="key", kind="destination", name="crm", workflows=("claims",)),
    ]
    monkeypatch.setattr(secret_uses, "_finders", [lambda: usages])
    monkeypatch.setattr(secret_uses, "_testers", [lambda name, by: tried])
    return tried


class TestVersions:
    def test_page_tells_which_is_used_and_which_waits(self, alice: Client, key: Key) -> None:
        page = alice.get(PAGE).content.decode()

        assert "Version 2 waits for its test." in page
        assert "Version 1 is used until then." in page
        assert CANARY not in page

    def test_a_value_that_replaces_waits_unless_somebody_says_no(
        self, alice: Client, key: Key
    ) -> None:
        alice.post(PAGE + "replace/", {"value": "three", "waits": "on"})
        waiting = key.value
        alice.post(PAGE + "replace/", {"value": "four"})

        assert (waiting, key.value) == (CANARY + "-one", "four")

    def test_a_new_secret_does_not_replace_one_that_is_there(self, alice: Client, key: Key) -> None:
        answer = alice.post("/settings/secrets/-/put/", {"name": "key", "value": "other"})

        assert answer.status_code == 422
        assert "There is one of this name" in answer.content.decode()
        assert key.facts.version == 2

    @pytest.mark.parametrize(("deed", "kept"), [("confirm", "-two"), ("discard", "-one")])
    def test_page_confirms_or_discards_what_it_showed(
        self, alice: Client, key: Key, deed: str, kept: str
    ) -> None:
        stale = alice.post(PAGE + deed + "/", {"number": 1})
        unsaid = alice.post(PAGE + deed + "/")
        done = alice.post(PAGE + deed + "/", {"number": 2})

        assert (stale.status_code, unsaid.status_code, done.status_code) == (409, 409, 302)
        assert key.value == CANARY + kept
        assert not key.facts.can_be_confirmed

    @pytest.mark.parametrize(("deed", "in_use"), [("confirm", 2), ("discard", 1)])
    def test_api_confirms_or_discards(
        self, alice: Client, key: Key, deed: str, in_use: int
    ) -> None:
        unsaid = alice.post(f"{API}/{deed}", {}, JSON)
        stale = alice.post(f"{API}/{deed}", {"number": 1}, JSON)
        done = alice.post(f"{API}/{deed}", {"number": 2}, JSON)
        again = alice.post(f"{API}/{deed}", {"number": 2}, JSON)

        assert (unsaid.status_code, stale.status_code) == (422, 409)
        assert done.json()["in_use"] == in_use
        assert again.json()["code"] == "no_version_waits"

    def test_api_lets_a_value_wait(self, alice: Client, acme: Tenant) -> None:
        alice.put(API, {"value": "one", "waits": True}, JSON)
        told = alice.put(API, {"value": "two", "waits": True}, JSON).json()

        assert [(each["number"], each["state"]) for each in told["versions"]] == [
            (2, "waits"),
            (1, "in_use"),
        ]
        assert (told["version"], told["in_use"], told["state"]) == (2, 1, "waits")

    def test_a_test_that_passes_confirms(self, alice: Client, used: list[Tried], key: Key) -> None:
        used.append(Tried(kind="provider", name="openai-eu", passed=True, sentence="It answered."))

        page = alice.post(PAGE + "test/").content.decode()

        assert "It answered." in page
        assert "Version 2 is in use." in page
        assert key.facts.in_use == 2

    def test_a_test_that_fails_changes_nothing(self, alice: Client, used: list[Tried]) -> None:
        used.append(Tried(kind="provider", name="openai-eu", passed=False, sentence="It said 401."))

        page = alice.post(PAGE + "test/").content.decode()
        told = alice.post(API + "/test", {}, JSON).json()

        assert "It said 401." in page
        assert told["tried"][0]["passed"] is False
        assert told["secret"]["in_use"] == 1

    def test_what_nothing_names_is_not_tested(self, alice: Client, key: Key) -> None:
        assert "Nothing was tried" in alice.post(PAGE + "test/").content.decode()


class TestUses:
    def test_page_changes_last_day_and_bindings(self, alice: Client, key: Key) -> None:
        day = now().date() + timedelta(days=20)

        done = alice.post(
            PAGE + "change/", {"expires_on": day.isoformat(), "classes": ["internal", "public"]}
        )

        assert done.status_code == 302
        assert (key.facts.expires_on, key.facts.state) == (day, "expires_soon")
        assert set(key.facts.bindings.classes) == {"internal", "public"}
        assert "internal" in alice.get(PAGE).content.decode()

    def test_page_refuses_what_there_is_not(self, alice: Client, key: Key) -> None:
        wrong = alice.post(PAGE + "change/", {"classes": ["top"], "expires_on": "soon"})

        assert wrong.status_code == 422
        assert key.facts.bindings.classes == ()

    def test_a_binding_to_what_is_gone_is_shown_and_stays(self, alice: Client, key: Key) -> None:
        alice.patch(API, {"bindings": {"providers": ["gone"]}}, JSON)

        page = alice.get(PAGE).content.decode()
        alice.post(PAGE + "change/", {"providers": ["gone"], "classes": ["public"]})

        assert "gone (nothing is called so now)" in page
        assert key.facts.bindings.providers == ("gone",)

    def test_api_changes_what_is_said_and_leaves_the_rest(self, alice: Client, key: Key) -> None:
        first = alice.patch(API, {"bindings": {"workflows": ["claims"]}}, JSON).json()
        second = alice.patch(
            API, {"expires_on": "2031-01-31", "bindings": {"classes": ["public"]}}, JSON
        ).json()
        third = alice.patch(API, {"expires_on": None}, JSON).json()

        assert first["bindings"]["workflows"] == ["claims"]
        assert second["expires_on"] == "2031-01-31"
        assert second["bindings"]["workflows"] == ["claims"]
        assert third["expires_on"] is None
        assert third["bindings"]["classes"] == ["public"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"bindings": {"classes": ["top"]}},  # no such class
            {"bindings": {"workflows": ["NO NAME"]}},
            {"bindings": {"workflows": "claims"}},  # no list
            {"expires_on": "2031-02-30"},
        ],
    )
    def test_api_refuses_what_is_wrong(
        self, alice: Client, key: Key, wrong: dict[str, Any]
    ) -> None:
        answer = alice.patch(API, wrong, JSON)

        assert answer.status_code == 422
        assert key.facts.bindings == secret_uses.Bindings()

    def test_who_uses_it_is_shown(self, alice: Client, used: list[Tried]) -> None:
        page = alice.get(PAGE).content.decode()
        told = alice.get(API).json()

        assert "openai-eu" in page
        assert "triage" in page
        assert [(each["kind"], each["name"]) for each in told["used_by"]] == [
            ("destination", "crm"),
            ("provider", "openai-eu"),
        ]


class TestRevoking:
    def test_page_says_first_what_stops(self, alice: Client, used: list[Tried], key: Key) -> None:
        page = alice.get(PAGE + "revoke/").content.decode()

        assert all(word in page for word in ("openai-eu", "crm", "claims", "triage"))
        assert key.facts.revoked_at is None

    @pytest.mark.parametrize("typed", ["", "kei", "KEY"])
    def test_page_wants_the_name_of_what_is_used(
        self, alice: Client, used: list[Tried], key: Key, typed: str
    ) -> None:
        answer = alice.post(PAGE + "revoke/", {"confirmation": typed})

        assert answer.status_code == 422
        assert "openai-eu" in answer.content.decode()
        assert key.facts.revoked_at is None

    def test_page_revokes_what_was_confirmed(
        self, alice: Client, used: list[Tried], key: Key
    ) -> None:
        assert alice.post(PAGE + "revoke/", {"confirmation": "key"}).status_code == 302
        assert key.facts.revoked_at is not None
        assert "None of its values is left" in alice.get(PAGE).content.decode()

    def test_what_nothing_names_needs_no_name(self, alice: Client, key: Key) -> None:
        assert "Nothing stops" in alice.get(PAGE + "revoke/").content.decode()
        assert alice.post(PAGE + "revoke/").status_code == 302
        assert key.facts.revoked_at is not None

    def test_api_tells_the_impact_and_wants_the_name(
        self, alice: Client, used: list[Tried]
    ) -> None:
        impact = alice.get(API + "/impact").json()
        refused = alice.delete(API)
        done = alice.delete(API + "?confirmation=key")

        assert impact == {
            "providers": ["openai-eu"],
            "destinations": ["crm"],
            "workflows": ["claims", "triage"],
            "confirmation_needed": True,
        }
        assert refused.status_code == 409
        assert [each["name"] for each in refused.json()["used_by"]] == ["crm", "openai-eu"]
        assert done.status_code == 204


@pytest.mark.django_db(databases=["default", "keys"], transaction=True)
class TestBackend:
    def told(self, server: VaultServer, **changes: str) -> dict[str, str]:
        shown = server.settings() | {"kind": "vault"} | changes
        return {name: str(each) for name, each in shown.items()}

    def test_page_moves_new_values_to_vault(
        self, alice: Client, acme: Tenant, vault_server: VaultServer
    ) -> None:
        path = "/settings/secrets/-/backend/"
        before = alice.get(path).content.decode()
        told = self.told(vault_server)
        done = alice.post(path, told | {"path": told["prefix"]})
        Key(acme).put(CANARY)
        after = alice.get(path).content.decode()

        assert "here, sealed" in before
        assert done.status_code == 302
        assert vault_server.address in after
        assert ROOT_TOKEN not in after
        assert "in Vault" in alice.get(PAGE).content.decode()
        assert Key(acme).facts.backend == "vault"
        assert Key(acme).value == CANARY

    def test_api_chooses_and_shows_no_credential(
        self, alice: Client, acme: Tenant, vault_server: VaultServer
    ) -> None:
        done = alice.put("/api/v1/secret-backend", self.told(vault_server), JSON)

        shown = alice.get("/api/v1/secret-backend")
        assert done.status_code == 200
        assert (shown.json()["kind"], shown.json()["chosen_by"]) == ("vault", "tenant")
        assert ROOT_TOKEN not in (done.content + shown.content).decode()

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"credential": "wrong"}, "vault_refused"),
            ({"address": "http://vault.example.org"}, "secret_backend_invalid"),
            ({"address": "http://127.0.0.1:9"}, "vault_unreachable"),
        ],
    )
    def test_where_vault_refuses_nothing_changes(
        self,
        alice: Client,
        acme: Tenant,
        vault_server: VaultServer,
        changes: dict[str, str],
        code: str,
    ) -> None:
        answer = alice.put("/api/v1/secret-backend", self.told(vault_server, **changes), JSON)

        assert answer.json()["code"] == code
        with tenant_context(acme):
            assert secret_backends.find_choice() is None

    def test_form_with_errors_forgets_the_credential(self, alice: Client, acme: Tenant) -> None:
        sent = {"kind": "vault", "auth": "approle", "credential": CANARY, "ca_pem": "nothing"}
        answer = alice.post("/settings/secrets/-/backend/", sent)

        page = answer.content.decode()
        assert answer.status_code == 422
        assert CANARY not in page
        for said in ("Vault needs an address.", "AppRole needs a role id.", "no certificate"):
            assert said in page


def test_auditor_looks_and_decides_nothing(acme: Tenant, key: Key) -> None:
    carol = factories.make_client(factories.make_member(tenant=acme, role=Role.AUDITOR))

    page = carol.get(PAGE).content.decode()
    refused = [
        carol.post(PAGE + deed).status_code
        for deed in ("replace/", "test/", "confirm/", "discard/", "change/", "revoke/")
    ]
    assert "waits for its test" in page
    assert '<form method="post" action="/settings/secrets' not in page
    assert refused == [403] * 6
    assert carol.get("/settings/secrets/-/backend/").status_code == 403


def test_what_there_is_not_is_not_found(alice: Client, acme: Tenant) -> None:
    assert alice.get("/settings/secrets/nothing/").status_code == 404
    assert alice.get("/settings/secrets/nothing/revoke/").status_code == 404
    assert alice.get("/api/v1/secrets/nothing/impact").status_code == 404
    assert alice.patch("/api/v1/secrets/nothing", {}, JSON).status_code == 404
    assert alice.post("/api/v1/secrets/nothing/test", {}, JSON).status_code == 404
