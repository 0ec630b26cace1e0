"""Tenants by API and by command: on the platform's host, or on the machine itself."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tenancy import tenants
from tenancy.models import Domain, Tenant, TenantStatus
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

HOST = "platform.localhost"


@pytest.fixture
def platform_admin(db: None) -> Client:
    platform = tenants.get_platform()
    Domain.objects.get_or_create(tenant=platform, domain=HOST, is_primary=True)
    return factories.make_client(factories.make_member(tenant=platform, role=Role.ADMIN))


def test_platform_creates_suspends_and_restores(platform_admin: Client) -> None:
    body = {"name": "Gamma", "slug": "gamma", "domain": "gamma.localhost"}

    created = platform_admin.post("/api/v1/tenants", body, "application/json")
    suspended = platform_admin.post("/api/v1/tenants/gamma/suspend")
    restored = platform_admin.post("/api/v1/tenants/gamma/restore")
    listed = platform_admin.get("/api/v1/tenants")

    assert created.status_code == 201
    assert (suspended.json()["status"], restored.json()["status"]) == ("suspended", "active")
    assert "gamma" in [tenant["slug"] for tenant in listed.json()["items"]]
    assert "platform" not in [tenant["slug"] for tenant in listed.json()["items"]]


def test_there_are_no_tenants_on_a_tenants_host(acme: Tenant, beta: Tenant) -> None:
    alice = factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))

    assert alice.get("/api/v1/tenants").status_code == 404
    assert alice.post(f"/api/v1/tenants/{beta.slug}/suspend").status_code == 404
    beta.refresh_from_db()
    assert beta.status == TenantStatus.ACTIVE


def test_command_prints_the_first_admins_way_in() -> None:
    out = StringIO()

    call_command(
        "tenant",
        "create",
        "delta",
        "--name=Delta",
        "--domain=delta.localhost",
        "--admin=ada@example.org",
        stdout=out,
    )
    link = out.getvalue().split("delta.localhost", 1)[1].strip()
    page = Client(headers={"host": "delta.localhost"}).get(link)

    assert page.status_code == 200
    assert "ada@example.org" in page.content.decode()


def test_command_suspends_restores_and_lists(acme: Tenant) -> None:
    out = StringIO()

    call_command("tenant", "suspend", acme.slug, stdout=out)
    call_command("tenant", "list", stdout=out)
    call_command("tenant", "restore", acme.slug, stdout=out)

    assert f"{acme.slug}\tsuspended\t{acme.slug}.localhost" in out.getvalue()
    assert out.getvalue().endswith(f"{acme.slug} is open.\n")


@pytest.mark.parametrize("arguments", [("suspend", "nobody"), ("suspend", "platform")])
def test_command_says_what_is_wrong(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("tenant", *arguments)
