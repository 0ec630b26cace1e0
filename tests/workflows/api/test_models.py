"""A provider of one's own takes the place of the embedded one, over the API alone."""

from typing import Any

import pytest
from django.test import Client

from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
API = "/api/v1"
PROVIDER = {"name": "house", "base_url": "https://models.example/v1", "region": "eu", "dpa": True}
DEPLOYMENT = {"name": "large", "provider": "house", "model": "large-1", "clearance": "confidential"}
PRICE = {"input_micros_per_million": 2_500_000, "output_micros_per_million": 10_000_000}


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


def send(client: Client, method: str, path: str, body: Any) -> Any:
    return getattr(client, method)(f"{API}{path}", body, content_type="application/json")


def test_from_provider_to_group(alice: Client) -> None:
    provider = send(alice, "post", "/providers", PROVIDER)
    deployment = send(alice, "post", "/deployments", DEPLOYMENT)
    price = send(alice, "post", "/deployments/large/prices", PRICE)
    group = send(alice, "post", "/model-groups", {"name": "default", "deployments": ["large"]})

    assert [each.status_code for each in (provider, deployment, price, group)] == [201] * 4
    assert provider.json()["trains_on_data"] is True  # not said, so taken at its worst
    assert deployment.json()["clearance"] == "confidential"
    assert alice.get(deployment["Location"]).json() == deployment.json()
    assert alice.get(f"{API}/deployments/large/prices").json()["items"] == [price.json()]


def test_change_leaves_the_rest(alice: Client) -> None:
    send(alice, "post", "/providers", PROVIDER)
    send(alice, "post", "/deployments", DEPLOYMENT)

    provider = send(alice, "patch", "/providers/house", {"papers_expire_on": "2027-01-31"})
    deployment = send(alice, "patch", "/deployments/large", {"clearance": "internal"})

    assert provider.json()["papers_expire_on"] == "2027-01-31"
    assert provider.json()["region"] == "eu"
    assert deployment.json()["clearance"] == "internal"
    assert deployment.json()["model"] == "large-1"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/providers", PROVIDER | {"base_url": "http://models.example"}, "encrypted"),
        ("/providers", PROVIDER | {"auth": "api_key"}, "secret"),
        ("/providers", PROVIDER | {"name": "Big House"}, ""),
        ("/deployments", DEPLOYMENT | {"provider": "nobody"}, "no such provider"),
        ("/deployments", DEPLOYMENT | {"clearance": "cosmic"}, ""),
        ("/deployments", DEPLOYMENT | {"timeout_seconds": 0}, ""),
    ],
)
def test_what_cannot_be_used_is_refused(
    alice: Client, path: str, body: dict[str, Any], said: str
) -> None:
    refused = send(alice, "post", path, body)

    assert refused.status_code == 422
    assert said in refused.json()["detail"]


def test_only_admins_change_models(acme: Tenant, alice: Client) -> None:
    send(alice, "post", "/providers", PROVIDER)
    ann = factories.make_client(factories.make_member(tenant=acme, role=Role.AUTHOR))

    assert ann.get(f"{API}/providers/house").status_code == 200
    assert send(ann, "post", "/providers", PROVIDER | {"name": "mine"}).status_code == 403
    assert send(ann, "patch", "/providers/house", {"dpa": False}).status_code == 403
