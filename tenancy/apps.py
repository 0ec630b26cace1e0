"""The ground floor."""

from django.apps import AppConfig
from django.core import checks


class TenancyConfig(AppConfig):
    name = "tenancy"
    verbose_name = "Tenancy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tenancy.rls import check_tenant_tables
        from tenancy.root_key import check_root_keys

        checks.register(check_tenant_tables, checks.Tags.models)
        checks.register(check_root_keys, checks.Tags.security)
