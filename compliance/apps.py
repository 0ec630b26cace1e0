"""The floor of rules."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "compliance"
    verbose_name = "Compliance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from compliance import disposables, policies
        from compliance.tenant_disposal import TenantDisposable
        from tenancy import tenants

        disposables.register(TenantDisposable())
        tenants.at_birth(policies.install_defaults)
