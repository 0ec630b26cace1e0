"""Testing a connection over the API, and the description of what each kind of provider asks for."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs.scripted_model import ScriptedModel
from workflows.models import Auth, ProviderKind
from workflows.providers import clients
from workflows.providers.connection_settings import AUTHS_OF_KIND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
API = "/api/v1"
JSON = "application/json"


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_program(factories.make_member(tenant=acme, role=Role.ADMIN))


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda _prompt: "ok") as scripted:
        yield scripted
    clients.close_all()


@pytest.fixture
def house(alice: Client, model: ScriptedModel) -> None:
    send(alice, "/providers", {"name": "house", "base_url": model.base_url, "egress": "internal"})
    send(
        alice,
        "/deployments",
        {"name": "small", "provider": "house", "model": "small-1", "clearance": "internal"},
    )
    send(
        alice,
        "/deployments/small/prices",
        {"input_micros_per_million": 2_000_000, "output_micros_per_million": 8_000_000},
    )


def send(client: Client, path: str, body: Any = None) -> Any:
    return client.post(f"{API}{path}", body or {}, content_type=JSON)


@pytest.mark.parametrize("path", ["/providers/house/test", "/deployments/small/test"])
def test_one_call_and_what_came_of_it(
    acme: Tenant, alice: Client, house: None, model: ScriptedModel, path: str
) -> None:
    told = send(alice, path)

    assert told.status_code == 200
    assert told.json() | {"seconds": 0} == {
        "deployment": "small",
        "passed": True,
        "kind": "",
        "sentence": told.json()["sentence"],
        "seconds": 0,
        "first_token_seconds": None,
        "model": "scripted-1",
        "tokens_in": 10,
        "tokens_out": 5,
        "cost": {"amount": "0.00006", "currency": "EUR"},  # (10 · 2 + 5 · 8) millionths
    }
    assert model.prompts == ["Answer with the word ok."]
    with tenant_context(acme):
        (entry,) = LedgerEntry.objects.filter(event="provider.tested")
    assert entry.facts["name"] == "small"


def test_failure_is_an_answer_not_an_error(
    alice: Client, house: None, model: ScriptedModel
) -> None:
    model.script = lambda _prompt: (500, "{}")

    told = send(alice, "/providers/house/test")

    assert told.status_code == 200
    assert (told.json()["passed"], told.json()["kind"]) == (False, "server")
    assert told.json()["cost"] is None


def test_provider_that_is_switched_off_can_be_tested(
    alice: Client, house: None, model: ScriptedModel
) -> None:
    off = alice.patch(f"{API}/providers/house", {"enabled": False}, content_type=JSON)

    assert off.json()["enabled"] is False
    assert send(alice, "/providers/house/test").json()["passed"] is True


def test_only_those_who_change_providers_test_them(
    acme: Tenant, house: None, model: ScriptedModel
) -> None:
    ann = factories.make_program(factories.make_member(tenant=acme, role=Role.AUTHOR))

    assert send(ann, "/providers/house/test").status_code == 403
    assert send(ann, "/deployments/small/test").status_code == 403
    assert model.prompts == []


def test_without_a_deployment_there_is_nothing_to_test(alice: Client) -> None:
    send(alice, "/providers", {"name": "bare", "base_url": "https://models.example"})

    refused = send(alice, "/providers/bare/test")
    unknown = send(alice, "/providers/nobody/test")

    assert (refused.status_code, unknown.status_code) == (422, 404)
    assert refused["Content-Type"] == "application/problem+json"
    assert "Add one first" in refused.json()["detail"]


def test_faults_of_a_provider_point_at_their_fields(alice: Client) -> None:
    refused = send(
        alice,
        "/providers",
        {
            "name": "frankfurt",
            "kind": "bedrock",
            "auth": "aws_sigv4",
            "base_url": "http://bedrock.example",
            "settings": {"region": "Frankfurt", "colour": "green"},
        },
    )

    assert (refused.status_code, refused["Content-Type"]) == (422, "application/problem+json")
    problem = refused.json()
    assert problem["code"] == "provider_invalid"
    assert {each["pointer"] for each in problem["errors"]} == {
        "#/base_url",
        "#/secret_name",
        "#/settings/colour",
        "#/settings/access_key_id",
        "#/settings/region",
    }


def test_kinds_say_what_they_ask_for(alice: Client) -> None:
    told = alice.get(f"{API}/provider-kinds").json()

    kinds = {each["kind"]: each for each in told["kinds"]}
    auths = {each["auth"]: each for each in told["auths"]}
    assert set(kinds) == set(ProviderKind.values)
    assert set(auths) == set(Auth.values)
    assert kinds["bedrock"]["auths"] == list(AUTHS_OF_KIND["bedrock"])
    region = next(each for each in auths["aws_sigv4"]["settings"] if each["name"] == "region")
    assert region["is_required"] is True
    assert [each["name"] for each in auths["mtls"]["secrets"]] == [
        "private_key",
        "certificate",
        "api_key",
    ]
    assert told["settings_of_all"][0]["usual"] == "true"
