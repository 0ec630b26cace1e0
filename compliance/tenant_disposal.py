"""How a tenant is disposed of: workflows and runs go along, every key is destroyed, nobody and nothing gets in again.

The log stays: ledger, disposals, tombstones, and who was a member when. The tenant's own key stays, too: it signs the
ledger's last checkpoint and keys the digests of the disposal log.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from compliance import disposal
from compliance.disposables import PlanLine
from compliance.errors import DisposalPlanNotFound, DisposalRefused
from compliance.models import Disposal, DisposalPlan
from tenancy import keys, secret_store, tenants
from tenancy.actors import SYSTEM, Actor
from tenancy.context import current_tenant, tenant_context
from tenancy.models import (
    ApiToken,
    IdempotencyKey,
    Membership,
    Secret,
    Tenant,
    TenantStatus,
)

KIND = "tenant"


def plan(*, tenant: Tenant, by: Actor) -> DisposalPlan:
    """The dry run of a tenant, for who stands outside of it: the platform. Raises like disposal.plan."""
    with tenant_context(tenant):
        return disposal.plan(kind=KIND, target_id=tenant.pk, by=by)


def execute(*, tenant: Tenant, plan_id: UUID, by: Actor, legal_basis: str, reason: str) -> Disposal:
    """Delete a tenant as its dry run listed it. A plan for something else inside it does not serve here."""
    with tenant_context(tenant):
        if disposal.get_plan(plan_id).kind != KIND:
            raise DisposalPlanNotFound
        return disposal.execute(plan_id=plan_id, by=by, legal_basis=legal_basis, reason=reason)


class TenantDisposable:
    """The current tenant, with what opens its doors: memberships, tokens, secrets, host names."""

    kind = KIND
    label = "Tenant"
    parent = ""

    def find(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        tenant = current_tenant()
        tenant.refresh_from_db()
        if tenant.pk not in ids or tenant.is_platform or tenant.status == TenantStatus.DELETED:
            return []
        parts = {
            "membership": Membership.objects.not_ended().count(),
            "api_token": ApiToken.objects.filter(revoked_at__isnull=True).count(),
            "secret": Secret.objects.filter(revoked_at__isnull=True).count(),
            "idempotency_key": IdempotencyKey.objects.count(),
            "domain": tenant.domains.count(),
        }
        return [PlanLine(kind=self.kind, id=tenant.pk, parts=parts)]

    def find_below(self, parents: Collection[UUID]) -> Sequence[PlanLine]:
        return []

    def find_copies(self, ids: Collection[UUID]) -> Sequence[PlanLine]:
        return []

    def check(self, ids: Collection[UUID]) -> None:
        if current_tenant().status != TenantStatus.SUSPENDED:
            raise DisposalRefused("Suspend the tenant first: nobody may be at work in it.")

    def data_keys(self, ids: Collection[UUID]) -> Sequence[UUID]:
        """All that are left, those of no run or workflow, too."""
        return keys.living_data_keys()

    def erase(self, ids: Collection[UUID], *, at: datetime) -> int:
        """The owners' keys go here, after the data keys: so does what a worker took meanwhile."""
        keys.destroy_below_tenant_key(by=SYSTEM)
        rows, _ = IdempotencyKey.objects.all().delete()
        rows += secret_store.empty_all(at=at)
        rows += Secret.objects.filter(revoked_at__isnull=True).update(revoked_at=at)
        rows += ApiToken.objects.filter(revoked_at__isnull=True).update(revoked_at=at)
        rows += Membership.objects.not_ended().update(ended_at=at)
        rows += tenants.end(tenant=current_tenant(), by=SYSTEM)
        return int(rows)
