"""The floor of rules."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "compliance"
    verbose_name = "Compliance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from compliance import disposables, policies
        from compliance.labels import DataClass
        from compliance.tenant_disposal import TenantDisposable
        from tenancy import secret_uses, tenants

        disposables.register(TenantDisposable())
        secret_uses.register_namer(lambda: {"classes": [each.word for each in DataClass]})
        tenants.at_birth(policies.install_defaults)
