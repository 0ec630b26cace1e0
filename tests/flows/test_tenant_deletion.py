"""A tenant is deleted: a dry run, then exactly that; after it only the log is left, and it still verifies."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from compliance import disposal, tenant_disposal
from compliance.errors import (
    DisposalPlanNotFound,
    DisposalRefused,
    DisposalTargetNotFound,
)
from compliance.tenant_disposal import TenantDisposable
from runs.models import Run
from tenancy import actors, exports, hosts, secret_store, tenants, verification
from tenancy.context import enter, tenant_context
from tenancy.models import DataKey, Domain, LedgerEntry, OwnerKey, Tenant, TenantStatus
from tenancy.permissions import Role
from tenancy.router import database_of
from tenancy.sequencer import sequence
from tests import factories
from tests.runs import definitions
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

WHY: dict[str, Any] = {"legal_basis": "other", "reason": "The contract has ended."}
SIGNS_THE_LEDGER = {"tenancy.SigningKey.private_sealed"}  # insert-only, and still needed


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    hosts.forget()
    yield
    hosts.forget()


@pytest.fixture
def lived_in(in_acme: Tenant) -> Tenant:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        execute(make_run(make_version(definitions.TALK), n=41))
    secret_store.put(name="key", value="a value", by=actors.SYSTEM)
    return in_acme


def delete(tenant: Tenant) -> None:
    tenants.suspend(tenant=tenant, by=actors.SYSTEM)
    planned = tenant_disposal.plan(tenant=tenant, by=actors.SYSTEM)
    tenant_disposal.execute(tenant=tenant, plan_id=planned.pk, by=actors.SYSTEM, **WHY)


def content_left(tenant: Tenant) -> dict[str, int]:
    """Values in columns of content, asked of the database itself: sealed ones, and words about people."""
    left = {}
    for model in exports.tables():
        names = [field.name for field in model._meta.concrete_fields if exports.is_sealed(field)]
        words = {"owner_label", "subject_key", "error_sentence"}
        names += [field.name for field in model._meta.concrete_fields if field.name in words]
        for name in names:
            with connections[database_of(model)].cursor() as cursor:
                table = model._meta.db_table
                empty = "IS NOT NULL" if name.endswith("sealed") else "<> ''"
                cursor.execute(
                    f"SELECT count(*) FROM {table} WHERE tenant_id = %s AND {name} {empty}",
                    [tenant.pk],
                )
                left[f"{model._meta.label}.{name}"] = cursor.fetchone()[0]
    return left


def test_after_it_only_the_log_is_left(lived_in: Tenant) -> None:
    assert any(content_left(lived_in).values())

    delete(lived_in)

    enter(lived_in)
    left = content_left(lived_in)
    assert {name for name, values in left.items() if values} <= SIGNS_THE_LEDGER
    assert not DataKey.objects.filter(destroyed_at__isnull=True).exists()
    assert not OwnerKey.objects.filter(destroyed_at__isnull=True).exists()
    assert set(Run.objects.values_list("status", flat=True)) == {"disposed"}
    assert not Domain.objects.filter(tenant=lived_in).exists()
    lived_in.refresh_from_db()
    assert lived_in.status == TenantStatus.DELETED


def test_the_ledger_still_verifies(lived_in: Tenant) -> None:
    sequence(lived_in)
    delete(lived_in)
    sequence(lived_in)

    report = verification.verify(lived_in)

    assert not report.faults
    with tenant_context(lived_in):
        last = LedgerEntry.objects.order_by("-id").first()
        assert last is not None
        assert last.event == "disposal.completed"
    with tenant_context(tenants.get_platform()):
        told = LedgerEntry.objects.filter(subject_id=str(lived_in.pk)).order_by("id")
        assert list(told.values_list("event", flat=True)) == ["tenant.suspended", "tenant.deleted"]


def test_its_host_is_an_unknown_host(in_acme: Tenant) -> None:
    alice = factories.make_member(tenant=in_acme, role=Role.ADMIN)
    browser, program = factories.make_client(alice), factories.make_program(alice)
    before = [browser.get("/"), program.get("/api/v1/tenant")]
    delete(in_acme)

    after = [
        (
            caller.get(path).status_code,
            Client(headers={"host": "nobody.localhost"}).get(path).status_code,
        )
        for caller in (browser, program, Client(headers={"host": f"{in_acme.slug}.localhost"}))
        for path in ("/", "/accounts/login/", "/api/v1/tenant")
    ]

    assert [answer.status_code for answer in before] == [200, 200]
    assert set(after) == {(404, 404)}


def test_only_a_suspended_tenant_is_deleted_and_never_the_platform(in_acme: Tenant) -> None:
    with pytest.raises(DisposalRefused, match="Suspend"):
        tenant_disposal.plan(tenant=in_acme, by=actors.SYSTEM)
    with pytest.raises(DisposalTargetNotFound):
        tenant_disposal.plan(tenant=tenants.get_platform(), by=actors.SYSTEM)
    delete(in_acme)
    with pytest.raises(DisposalTargetNotFound):
        tenant_disposal.plan(tenant=in_acme, by=actors.SYSTEM)


def test_nobody_deletes_another_tenant_from_inside(acme: Tenant, beta: Tenant) -> None:
    tenants.suspend(tenant=acme, by=actors.SYSTEM)

    with tenant_context(beta), pytest.raises(DisposalTargetNotFound):
        disposal.plan(kind="tenant", target_id=acme.pk, by=actors.SYSTEM)


def test_a_plan_for_a_run_deletes_no_tenant(lived_in: Tenant) -> None:
    run = Run.objects.get()
    planned = disposal.plan(kind="run", target_id=run.pk, by=actors.SYSTEM)
    tenants.suspend(tenant=lived_in, by=actors.SYSTEM)

    with pytest.raises(DisposalPlanNotFound):
        tenant_disposal.execute(tenant=lived_in, plan_id=planned.pk, by=actors.SYSTEM, **WHY)


def test_what_stopped_half_way_is_completed_though_somebody_restored_it(lived_in: Tenant) -> None:
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(TenantDisposable, "erase", lambda self, ids, at: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            delete(lived_in)
    tenants.restore(tenant=lived_in, by=actors.SYSTEM)

    finished = disposal.finish_interrupted(grace=timedelta(0))

    left = content_left(lived_in)
    assert finished == 1
    assert {name for name, values in left.items() if values} <= SIGNS_THE_LEDGER
    lived_in.refresh_from_db()
    assert lived_in.status == TenantStatus.DELETED


def test_the_platform_deletes_over_the_api(acme: Tenant) -> None:
    platform = tenants.get_platform()
    host = "platform.localhost"
    Domain.objects.get_or_create(tenant=platform, domain=host, defaults={"is_primary": True})
    admin = factories.make_client(factories.make_member(tenant=platform, role=Role.ADMIN))
    path = f"/api/v1/tenants/{acme.slug}/disposal"
    json = "application/json"

    early = admin.post(path, {}, json)
    admin.post(f"/api/v1/tenants/{acme.slug}/suspend")
    planned = admin.post(path, {}, json)
    unsaid = admin.post(path, {"dry_run": False, "plan": planned.json()["plan"]["id"]}, json)
    body = {"dry_run": False, "plan": planned.json()["plan"]["id"], **WHY}
    done = admin.post(path, body, json)

    assert early.json()["code"] == "disposal_refused"
    assert planned.json()["plan"]["counts"]["tenant"] == 1
    assert unsaid.status_code in {400, 422}
    assert done.status_code == 201
    assert done.json()["disposal"]["finished_at"]
    acme.refresh_from_db()
    assert acme.status == TenantStatus.DELETED


def test_the_command_plans_and_deletes(acme: Tenant) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="Suspend"):
        call_command("dispose_tenant", acme.slug)
    tenants.suspend(tenant=acme, by=actors.SYSTEM)

    call_command("dispose_tenant", acme.slug, stdout=out)
    plan = out.getvalue().strip().rsplit(" ", 1)[1]
    asked = ["--legal-basis=other", "--reason=The contract has ended."]
    call_command("dispose_tenant", acme.slug, f"--plan={plan}", *asked, stdout=out)

    assert "1\ttenant" in out.getvalue()
    acme.refresh_from_db()
    assert acme.status == TenantStatus.DELETED
