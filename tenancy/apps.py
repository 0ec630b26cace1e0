"""The ground floor."""

from django.apps import AppConfig
from django.core import checks


class TenancyConfig(AppConfig):
    name = "tenancy"
    verbose_name = "Tenancy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tenancy.rls import check_tenant_tables

        checks.register(check_tenant_tables, checks.Tags.models)
