"""Destinations and storage by page and API: admins declare them, every member sees them, nobody else."""

import pytest
from django.test import Client

from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from workflows.models import Destination, StorageProfile

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
JSON = "application/json"
CRM = {
    "name": "crm",
    "scheme": "https",
    "host": "crm.example",
    "port": "8443",
    "egress": "external",
    "region": "eu",
    "clearance": "2",
    "answer_class": "1",
    "secret_name": "crm-key",
    "secret_header": "Authorization",
    "secret_prefix": "Bearer ",
    "methods": ["GET", "POST"],
    "papers": ["dpa"],
}


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


@pytest.fixture
def bob(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))


def test_a_destination_is_added_and_switched_off_by_page(
    acme: Tenant, alice: Client, bob: Client
) -> None:
    added = alice.post("/settings/destinations/add/", CRM)
    off = alice.post("/settings/destinations/crm/switch/", {"enabled": "off"})

    assert (added.status_code, off.status_code) == (302, 302)
    with tenant_context(acme):
        made = Destination.objects.get()
    assert made.secret_prefix == "Bearer "
    assert (made.dpa, made.baa, made.enabled) == (True, False, False)
    page = bob.get("/settings/destinations/").content.decode()
    assert "https://crm.example:8443" in page
    assert "Disabled" in page
    assert "Add a destination" not in page


def test_a_storage_profile_is_added_and_switched_by_page(acme: Tenant, alice: Client) -> None:
    alice.post("/settings/storage/add/", {"name": "files", "clearance": "2", "region": "eu"})
    alice.post("/settings/storage/files/switch/", {"enabled": "off"})
    alice.post("/settings/storage/files/switch/", {"enabled": "on"})

    with tenant_context(acme):
        assert StorageProfile.objects.get().enabled
    assert "files" in alice.get("/settings/storage/").content.decode()


def test_what_is_missing_is_said_beside_its_field(alice: Client) -> None:
    for path in ("/settings/destinations/add/", "/settings/storage/add/"):
        response = alice.post(path, {"name": "NOT A NAME"})
        assert response.status_code == 422
        assert "must be mended" in response.content.decode()


def test_what_cannot_be_is_refused_with_a_sentence(alice: Client) -> None:
    response = alice.post("/settings/destinations/add/", CRM | {"scheme": "http"})

    assert response.status_code == 422
    assert "leaves encrypted" in response.content.decode()


@pytest.mark.parametrize("place", ["destinations", "storage"])
def test_only_admins_declare(bob: Client, place: str) -> None:
    assert bob.get(f"/settings/{place}/").status_code == 200
    assert bob.post(f"/settings/{place}/add/", CRM).status_code == 403
    assert bob.post(f"/settings/{place}/crm/switch/", {"enabled": "off"}).status_code == 403


def test_the_api_creates_changes_and_lists(alice: Client, bob: Client) -> None:
    body = {
        "name": "crm",
        "host": "crm.example",
        "methods": ["GET", "POST"],
        "clearance": "confidential",
        "secret_name": "crm-key",
    }
    made = alice.post("/api/v1/destinations", body, JSON)
    changed = alice.patch("/api/v1/destinations/crm", {"enabled": False}, JSON).json()

    assert made.status_code == 201
    assert made["Location"] == "/api/v1/destinations/crm"
    assert (changed["clearance"], changed["enabled"]) == ("confidential", False)
    assert bob.get("/api/v1/destinations").json()["items"] == [changed]
    assert bob.post("/api/v1/destinations", body, JSON).status_code == 403


def test_the_api_keeps_storage_profiles(alice: Client) -> None:
    body = {"name": "files", "clearance": "restricted"}
    assert alice.post("/api/v1/storage-profiles", body, JSON).status_code == 201
    changed = alice.patch("/api/v1/storage-profiles/files", {"region": "eu"}, JSON).json()

    assert (changed["region"], changed["clearance"]) == ("eu", "restricted")
    assert alice.get("/api/v1/storage-profiles/files").json() == changed
    assert alice.get("/api/v1/storage-profiles/files/objects").json()["items"] == []
    assert alice.get("/api/v1/storage-profiles").json()["items"] == [changed]


def test_another_tenant_sees_nothing(alice: Client, beta: Tenant) -> None:
    alice.post("/settings/destinations/add/", CRM)
    mallory = factories.make_client(factories.make_member(tenant=beta, role=Role.ADMIN))

    assert mallory.get("/api/v1/destinations").json()["items"] == []
    assert mallory.get("/api/v1/destinations/crm").status_code == 404
    assert "crm.example" not in mallory.get("/settings/destinations/").content.decode()
    switched = mallory.post("/settings/destinations/crm/switch/", {"enabled": "off"})
    assert switched.status_code == 404
