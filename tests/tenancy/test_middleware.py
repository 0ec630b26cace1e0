"""Whose request is it, who makes it: hosts, suspension, sessions that are good in one place only."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from tenancy import hosts, members, tenants
from tenancy.actors import SYSTEM
from tenancy.context import find_current_tenant, tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

TENANT = "/api/v1/tenant"


def test_host_decides_the_tenant(acme: Tenant) -> None:
    client = factories.make_client(factories.make_member(tenant=acme))

    assert client.get(TENANT).json()["slug"] == acme.slug


def test_unknown_host_is_a_404(acme: Tenant) -> None:
    page = Client(headers={"host": "nobody.localhost"}).get("/accounts/login/")
    api = Client(headers={"host": "nobody.localhost"}).get(TENANT)

    assert page.status_code == api.status_code == 404
    assert api.json()["code"] == "not_found"


def test_probes_need_no_tenant(db: None) -> None:
    assert Client(headers={"host": "127.0.0.1"}).get("/livez").status_code == 200


def test_connection_belongs_to_nobody_afterwards(acme: Tenant) -> None:
    factories.make_client(factories.make_member(tenant=acme)).get(TENANT)

    assert find_current_tenant() is None


def test_connection_belongs_to_nobody_after_a_crash(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = factories.make_client(factories.make_member(tenant=acme))
    client.raise_request_exception = False
    monkeypatch.setattr("tenancy.api.resources.tenant_to_json", None)

    response = client.get(TENANT)

    assert response.status_code == 500
    assert response.json()["code"] == "server_error"
    assert find_current_tenant() is None


def test_suspended_tenant_is_refused_at_sign_in_and_api(acme: Tenant) -> None:
    client = factories.make_client(factories.make_member(tenant=acme))
    tenants.suspend(tenant=acme, by=SYSTEM)

    page, api = client.get("/accounts/login/"), client.get(TENANT)

    assert page.status_code == api.status_code == 403
    assert "suspended" in page.content.decode()
    assert api.json()["code"] == "tenant_suspended"


def test_restored_tenant_is_open_again(acme: Tenant) -> None:
    client = factories.make_client(factories.make_member(tenant=acme))
    tenants.suspend(tenant=acme, by=SYSTEM)
    client.get(TENANT)
    tenants.restore(tenant=acme, by=SYSTEM)

    assert client.get(TENANT).status_code == 200


def test_known_hosts_are_bounded(db: None) -> None:
    for number in range(hosts.KEPT + 5):
        hosts.find_tenant(f"{number}.example.org")

    assert len(hosts._known) <= hosts.KEPT


def test_host_is_asked_for_once_and_then_remembered(
    acme: Tenant, django_assert_num_queries: Any
) -> None:
    hosts.find_tenant(f"{acme.slug}.localhost:8000")

    with django_assert_num_queries(0):
        assert hosts.find_tenant(f"{acme.slug}.localhost") == acme


def test_anonymous_is_sent_to_sign_in(acme: Tenant) -> None:
    response = Client(headers={"host": f"{acme.slug}.localhost"}).get("/settings/members/")

    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=%2Fsettings%2Fmembers%2F"


def test_anonymous_htmx_is_told_to_go_there(acme: Tenant) -> None:
    client = Client(headers={"host": f"{acme.slug}.localhost", "hx-request": "true"})

    response = client.get("/settings/members/")

    assert response.status_code == 401
    assert response["HX-Redirect"].startswith("/accounts/login/")


def test_anonymous_api_call_is_a_401_problem(acme: Tenant) -> None:
    response = Client(headers={"host": f"{acme.slug}.localhost"}).get(TENANT)

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"] == "not_signed_in"


def test_session_of_one_tenant_is_nobodys_at_another(acme: Tenant, beta: Tenant) -> None:
    bob = factories.make_member(tenant=acme)
    factories.make_member(
        tenant=beta, user=bob.user
    )  # a member there, too, but not with this session
    client = factories.make_client(bob, host=f"{beta.slug}.localhost")

    assert client.get(TENANT).status_code == 401


def test_expired_auditor_gets_404(acme: Tenant) -> None:
    carol = factories.make_member(
        tenant=acme, role=Role.AUDITOR, expires_at=now() - timedelta(minutes=1)
    )
    client = factories.make_client(carol)

    assert client.get(TENANT).status_code == 404
    assert client.get("/settings/members/").status_code == 404


def test_removed_member_is_out_at_once(acme: Tenant) -> None:
    bob = factories.make_member(tenant=acme)
    client = factories.make_client(bob)
    assert client.get(TENANT).status_code == 200
    with tenant_context(acme):
        members.remove(membership=bob, by=SYSTEM)

    assert client.get(TENANT).status_code == 404


def test_role_that_may_not_gets_403(acme: Tenant) -> None:
    client = factories.make_client(factories.make_member(tenant=acme, role=Role.AUTHOR))

    assert client.get("/settings/members/").status_code == 403
    assert client.get("/api/v1/members").json()["code"] == "permission_missing"


def test_session_without_csrf_token_changes_nothing(acme: Tenant) -> None:
    alice = factories.make_member(tenant=acme, role=Role.ADMIN)
    client = factories.make_client(alice)
    client.handler.enforce_csrf_checks = True

    api = client.post("/api/v1/tokens", {}, content_type="application/json")
    page = client.post("/settings/members/invite/", {})

    assert api.status_code == page.status_code == 403
    assert api.json()["code"] == "csrf_failed"


def test_ids_of_requests_come_back(acme: Tenant) -> None:
    client = Client(headers={"host": f"{acme.slug}.localhost"})

    given = client.get(TENANT, headers={"x-request-id": "caller-1234"})
    made = client.get(TENANT, headers={"x-request-id": "<script>"})

    assert given["X-Request-Id"] == given.json()["request_id"] == "caller-1234"
    assert len(made["X-Request-Id"]) == 32


def test_tenant_of_the_request_reaches_the_database(acme: Tenant) -> None:
    with tenant_context(acme), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.tenant_id', true)")

        assert cursor.fetchone() == (str(acme.pk),)
