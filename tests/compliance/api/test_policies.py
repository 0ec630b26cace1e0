"""Policies over the API."""

from uuid import uuid4

from compliance import policies
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests import factories

URL = "/api/v1/policies"


def test_every_member_reads_the_policies_of_the_tenant(acme: Tenant) -> None:
    with tenant_context(acme):
        snapshot = policies.install_defaults(by=SYSTEM)
    bob = factories.make_client(factories.make_member(tenant=acme))

    listed = bob.get(URL).json()["items"]
    active = bob.get(f"{URL}/active").json()

    assert [(row["id"], row["number"]) for row in listed] == [(str(snapshot.pk), 1)]
    assert active == bob.get(f"{URL}/{snapshot.pk}").json()
    assert '@id("class.clearance")' in active["hard"]
    assert [row["by"]["kind"] for row in active["activations"]] == ["system"]


def test_without_a_policy_it_is_said(acme: Tenant) -> None:
    bob = factories.make_client(factories.make_member(tenant=acme))

    answer = bob.get(f"{URL}/active")

    assert (answer.status_code, answer.json()["code"]) == (409, "no_active_policy")
    assert bob.get(f"{URL}/{uuid4()}").status_code == 404


def test_mallory_reads_none_of_them(acme: Tenant, beta: Tenant) -> None:
    with tenant_context(acme):
        snapshot = policies.install_defaults(by=SYSTEM)
    mallory = factories.make_client(factories.make_member(tenant=beta))

    assert mallory.get(f"{URL}/{snapshot.pk}").status_code == 404
    assert mallory.get(URL).json()["items"] == []
