"""The floor of rules."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "compliance"
    verbose_name = "Compliance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from compliance import policies
        from tenancy import tenants

        tenants.at_birth(policies.install_defaults)
