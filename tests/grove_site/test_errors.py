"""Refusals become answers in one place, and are recorded there."""

from typing import Any

import pytest
from django.test import Client
from rest_framework import serializers

from grove_site.pointers import to_errors
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories

NOTHING = "00000000-0000-7000-8000-000000000000"


class Inner(serializers.Serializer[Any]):
    model_group = serializers.CharField()


class Outer(serializers.Serializer[Any]):
    name = serializers.CharField()
    nodes = Inner(many=True)


def test_errors_of_a_serializer_get_json_pointers() -> None:
    outer = Outer(data={"nodes": [{"model_group": "a"}, {}]})
    outer.is_valid()

    found = {(error["pointer"], error["code"]) for error in to_errors(outer.errors)}

    assert found == {("#/name", "required"), ("#/nodes/1/model_group", "required")}


@pytest.mark.parametrize(
    ("detail", "pointer"),
    [
        ({"non_field_errors": ["no"]}, "#"),  # the whole document
        ({"a/b~c": ["no"]}, "#/a~1b~0c"),  # RFC 6901 escapes
        (["no"], "#"),
    ],
)
def test_pointers_name_the_place(detail: Any, pointer: str) -> None:
    assert [error["pointer"] for error in to_errors(detail)] == [pointer]


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


def refused(tenant: Tenant) -> list[tuple[str, int, str]]:
    with tenant_context(tenant):
        entries = LedgerEntry.objects.filter(event="access.refused").order_by("id")
        return [(e.subject_id, e.facts["status"], e.facts["code"]) for e in entries]


pytest_db = pytest.mark.django_db(databases=["default", "keys"])


@pytest_db
def test_invalid_body_is_a_problem_with_pointers(acme: Tenant, alice: Client) -> None:
    response = alice.post("/api/v1/members", {"role": "emperor"}, "application/json")

    problem = response.json()
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert problem["code"] == "validation_failed"
    assert {error["pointer"] for error in problem["errors"]} == {"#/email", "#/role"}
    assert refused(acme) == [("api-tenancy:members", 422, "validation_failed")]


@pytest_db
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("post", "/api/v1/members", b"{", 400, "body_unreadable"),
        ("put", "/api/v1/members", b"{}", 405, "method_not_allowed"),
        ("patch", f"/api/v1/members/{NOTHING}", b'{"role": "author"}', 404, "not_found"),
        ("delete", f"/api/v1/tokens/{NOTHING}", b"", 404, "not_found"),
        ("post", "/api/v1/nothing", b"{}", 404, "not_found"),
    ],
)
def test_refused_changes_are_recorded_once(
    *, acme: Tenant, alice: Client, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    response = getattr(alice, method)(path, body, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert [(entry[1], entry[2]) for entry in refused(acme)] == [(status, code)]


@pytest_db
def test_domain_error_on_a_page_is_a_page(acme: Tenant, alice: Client) -> None:
    with tenant_context(acme):
        other = factories.make_member(tenant=acme, role=Role.ADMIN, user=None)
        me = factories.Membership.objects.exclude(pk=other.pk).get()

    response = alice.post(f"/settings/members/{me.pk}/remove/")

    assert response.status_code == 409
    assert "own membership" in response.content.decode()
    assert refused(acme) == [("tenancy:remove-member", 409, "own_membership")]


@pytest_db
def test_domain_error_under_htmx_is_a_note(acme: Tenant, alice: Client) -> None:
    with tenant_context(acme):
        me = factories.Membership.objects.get()

    response = alice.post(f"/settings/members/{me.pk}/remove/", headers={"hx-request": "true"})

    text = response.content.decode()
    assert response.status_code == 409
    assert "<html" not in text
    assert "own membership" in text


@pytest_db
def test_reading_what_is_not_there_is_not_recorded(acme: Tenant, alice: Client) -> None:
    response = alice.get(f"/api/v1/members/{NOTHING}")

    assert response.status_code == 404
    assert refused(acme) == []


@pytest_db
def test_every_problem_type_leads_to_a_page(acme: Tenant, alice: Client) -> None:
    problem = alice.get(f"/api/v1/members/{NOTHING}").json()

    assert alice.get(problem["type"]).status_code == 200
    assert alice.get("/api/problems/no_such_code").status_code == 404
