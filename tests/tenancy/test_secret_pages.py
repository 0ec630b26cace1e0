"""Secrets by page and API: in, never out."""

import pytest
from django.test import Client

from tenancy import secret_store
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

CANARY = "sk-canary-0123456789"


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


def test_value_goes_in_by_page_and_never_comes_out(acme: Tenant, alice: Client) -> None:
    stored = alice.post("/settings/secrets/put/", {"name": "openai", "value": CANARY})

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
    response = alice.post("/settings/secrets/put/", {"name": "NOT A NAME", "value": CANARY})

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
