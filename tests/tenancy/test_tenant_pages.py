"""Pages of tenants: one's own for every member; all of them on the platform's host, for its admins."""

import io
import json
import re
import zipfile

import pytest
from django.test import Client

from compliance.models import Disposal
from tenancy import tenants
from tenancy.context import tenant_context
from tenancy.models import Domain, LedgerEntry, Tenant, TenantStatus
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

HOST = "platform.localhost"


@pytest.fixture
def root(db: None) -> Client:
    """An admin of the platform, on the platform's host."""
    platform = tenants.get_platform()
    Domain.objects.get_or_create(tenant=platform, domain=HOST, defaults={"is_primary": True})
    return factories.make_client(factories.make_member(tenant=platform, role=Role.ADMIN), host=HOST)


def browser(tenant: Tenant, role: Role) -> Client:
    return factories.make_client(factories.make_member(tenant=tenant, role=role))


# -- one's own ---------------------------------------------------------------------------------------------------------


def test_every_member_sees_their_tenant_and_admins_may_export_it(acme: Tenant) -> None:
    bob, alice = browser(acme, Role.OPERATOR), browser(acme, Role.ADMIN)

    page = bob.get("/settings/tenant/").content.decode()
    assert acme.slug in page
    assert f"{acme.slug}.localhost" in page
    assert "Take everything along" not in page
    assert bob.post("/settings/tenant/export/").status_code == 403

    answer = alice.post("/settings/tenant/export/")
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(answer)))
    manifest = json.loads(bundle.read("manifest.json"))
    assert manifest["tenant"]["slug"] == acme.slug
    assert "tables/tenancy_quota.ndjson" in bundle.namelist()
    assert f'filename="{acme.slug}.zip"' in answer["Content-Disposition"]


@pytest.mark.parametrize("path", ["", "create/", "{slug}/", "{slug}/suspend/", "{slug}/hosts/"])
def test_on_a_tenants_host_there_are_no_other_tenants(
    acme: Tenant, beta: Tenant, path: str
) -> None:
    alice = browser(acme, Role.ADMIN)
    address = "/settings/tenants/" + path.format(slug=beta.slug)

    assert {alice.get(address).status_code, alice.post(address).status_code} <= {404, 405}
    assert "All tenants" not in alice.get("/settings/tenant/").content.decode()
    beta.refresh_from_db()
    assert beta.status == TenantStatus.ACTIVE


# -- the platform's ----------------------------------------------------------------------------------------------------


def test_platform_lists_creates_and_hands_over_the_first_admins_way_in(root: Client) -> None:
    slug = factories.make_tenant().slug.replace("acme", "gamma")

    made = root.post(
        "/settings/tenants/create/",
        {
            "name": "Gamma",
            "slug": slug,
            "domain": f"{slug}.localhost",
            "admin": "ada@example.org",
        },
    )

    text = made.content.decode()
    assert made.status_code == 200
    assert made["Cache-Control"] == "no-store"
    (link,) = re.findall(rf"http://{slug}.localhost(/settings/join/[^<]+)", text)
    assert Client(headers={"host": f"{slug}.localhost"}).get(link).status_code == 200
    listed = root.get("/settings/tenants/").content.decode()
    assert f"/settings/tenants/{slug}/" in listed
    assert "/settings/tenants/platform/" not in listed
    assert "All tenants" in listed


def test_form_of_a_new_tenant_says_what_is_wrong(root: Client, acme: Tenant) -> None:
    wrong = {"name": "Gamma", "slug": "Not A Slug", "domain": "x", "admin": "nobody"}
    taken = {"name": "Again", "slug": acme.slug, "domain": "z.localhost", "admin": "a@example.org"}

    page = root.post("/settings/tenants/create/", wrong)

    assert page.status_code == 422
    assert page.content.decode().count('class="err"') == 3
    assert root.post("/settings/tenants/create/", taken).status_code == 409


def test_platform_suspends_restores_and_adds_a_host(root: Client, acme: Tenant) -> None:
    bob = browser(acme, Role.OPERATOR)
    page = f"/settings/tenants/{acme.slug}/"

    assert root.post(f"{page}suspend/").status_code == 302
    assert "Suspended" in root.get(page).content.decode()
    assert bob.get("/settings/tenant/").status_code == 403
    root.post(f"{page}restore/")
    assert bob.get("/settings/tenant/").status_code == 200
    root.post(f"{page}hosts/", {"domain": f"bank.{acme.slug}.localhost"})
    assert f"bank.{acme.slug}.localhost" in root.get(page).content.decode()
    with tenant_context(tenants.get_platform()):
        events = LedgerEntry.objects.filter(subject_id=str(acme.pk)).order_by("id")
        assert list(events.values_list("event", flat=True)) == [
            "tenant.suspended",
            "tenant.restored",
            "tenant.host_added",
        ]


def test_a_host_of_somebody_else_is_not_given_away(
    root: Client, acme: Tenant, beta: Tenant
) -> None:
    answer = root.post(
        f"/settings/tenants/{acme.slug}/hosts/", {"domain": f"{beta.slug}.localhost"}
    )

    assert answer.status_code == 409
    assert beta.domains.count() == 1


def test_platform_deletes_in_four_steps(root: Client, acme: Tenant) -> None:
    bob = browser(acme, Role.OPERATOR)
    begin = f"/assure/tenants/{acme.slug}/dispose/"
    early = root.post(begin)
    assert early.status_code == 409  # suspend it first
    root.post(f"/settings/tenants/{acme.slug}/suspend/")

    assert "Dispose of a tenant" in root.get(begin).content.decode()
    plan = root.post(begin)["Location"]
    preview = root.get(plan).content.decode()
    assert f'href="{plan}confirm/"' in preview
    assert str(acme.pk) in preview
    typed = re.findall(r"Type (\w{8}) to confirm", root.get(f"{plan}confirm/").content.decode())
    told = {"legal_basis": "other", "reason": "Their contract ended."}
    assert root.post(f"{plan}confirm/", {**told, "typed": "wrong"}).status_code == 422
    result = root.post(f"{plan}confirm/", {**told, "typed": typed[0]})["Location"]

    assert "Their contract ended." in root.get(result).content.decode()
    assert f'href="{result}"' in root.get(plan).content.decode()
    page = root.get(f"/settings/tenants/{acme.slug}/").content.decode()
    assert "Only the log is left" in page
    assert bob.get("/settings/tenant/").status_code == 404
    assert root.get(begin).status_code == 302
    with tenant_context(acme):
        assert Disposal.objects.get().is_finished


def test_a_plan_of_something_inside_a_tenant_is_not_seen_from_outside(
    root: Client, acme: Tenant
) -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"

    for path in (f"plans/{nowhere}/", f"plans/{nowhere}/confirm/", f"disposals/{nowhere}/"):
        assert root.get(f"/assure/tenants/{acme.slug}/{path}").status_code == 404
