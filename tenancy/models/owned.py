"""What every row of a tenant has in common: a time-ordered id, its tenant, and a manager that refuses to guess."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import uuid_utils
from django.db import models
from django.db.models.expressions import Func
from django.db.models.sql.where import AND
from uuid_utils import compat

from tenancy.context import current_tenant

Row = TypeVar("Row", bound=models.Model)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): ordered by time, so that new rows are neighbours."""
    return compat.uuid7()


def new_id_text() -> str:
    """One as text, for rows that leave as JSON: a UUID of Python's takes several times as long to make."""
    return str(uuid_utils.uuid7())


def first_id(moment: datetime) -> uuid.UUID:
    """The least id of this millisecond: rows made from then on have a greater one, those before it a smaller."""
    return uuid.UUID(int=max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << 80)


class CurrentTenant(Func):
    """The tenant that the connection is set to, as the server knows it."""

    template = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"
    arity = 0

    def __init__(self) -> None:
        super().__init__(output_field=models.UUIDField())

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return ("tenancy.models.owned.CurrentTenant", [], {})


class TenantManager(models.Manager[Row]):
    """Filters by the current tenant and raises NoTenant outside one. The database filters again.

    The condition is that of .filter(tenant_id=…), put together without looking for the field by its name: every
    statement begins here.
    """

    def get_queryset(self) -> models.QuerySet[Row]:
        rows = super().get_queryset()
        field = cast("models.Field[Any, Any]", self.model._meta.get_field("tenant_id"))
        condition: Any = field.get_lookup("exact")
        column = field.get_col(rows.query.get_initial_alias())
        rows.query.where.add(condition(column, current_tenant().pk), AND)
        return rows


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A reference inside a tenant. The database checks it as (tenant_id, id): see tenancy.rls.EnableRLS."""

    def __init__(self, to: Any, on_delete: Any = models.PROTECT, **options: Any) -> None:
        options["db_constraint"] = False
        super().__init__(to, on_delete=on_delete, **options)

    def deconstruct(self) -> tuple[Any, Any, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


class TenantOwned(models.Model):
    """Base of every model whose rows belong to a tenant. Its migration enables row-level security."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(
        "tenancy.Tenant",
        on_delete=models.PROTECT,
        db_default=CurrentTenant(),
        editable=False,
        related_name="+",
        db_index=False,
    )

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class OwnedThroughParent(TenantOwned):
    """For rows that are written by the thousand. Their TenantForeignKey leads to a row of the same tenant: a reference
    of their own to the tenant would say nothing new, and lock the tenant's row with every insert.
    """

    tenant = models.ForeignKey(
        "tenancy.Tenant",
        on_delete=models.PROTECT,
        db_default=CurrentTenant(),
        db_constraint=False,
        editable=False,
        related_name="+",
        db_index=False,
    )

    class Meta(TenantOwned.Meta):
        abstract = True
