"""Providers, their deployments and prices: which models there are, who runs them, and under which papers."""

from datetime import date
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from compliance.labels import DataClass
from tenancy.models import TenantForeignKey, TenantOwned
from workflows.models.authored import Authored


class ProviderKind(models.TextChoices):
    """How a provider is spoken to: one adapter each (workflows/providers/adapters.py)."""

    OPENAI = "openai", "OpenAI-compatible"
    AZURE = "azure_openai", "Azure OpenAI"
    ANTHROPIC = "anthropic", "Anthropic"
    GEMINI = "gemini", "Gemini"
    VERTEX = "vertex", "Vertex AI"
    BEDROCK = "bedrock", "AWS Bedrock"


class Auth(models.TextChoices):
    """How a provider knows us: one strategy each (workflows/providers/auth/)."""

    NONE = "none", "None"
    API_KEY = "api_key", "API key"
    BEARER = "bearer", "Bearer token"
    OAUTH2 = "oauth2", "OAuth 2 client credentials"
    AZURE_CLIENT = "azure_client", "Azure client credentials"
    AZURE_IDENTITY = "azure_identity", "Azure managed identity"
    GOOGLE_ACCOUNT = "google_account", "Google service account"
    GOOGLE_METADATA = "google_metadata", "Google metadata server"
    AWS = "aws_sigv4", "AWS Signature 4"
    MTLS = "mtls", "Client certificate"
    CALLER = "caller_key", "The caller's own key"


# What cannot be done without a secret of the tenant's own.
WITH_SECRET = (
    Auth.API_KEY,
    Auth.BEARER,
    Auth.OAUTH2,
    Auth.AZURE_CLIENT,
    Auth.GOOGLE_ACCOUNT,
    Auth.AWS,
    Auth.MTLS,
)


class Egress(models.TextChoices):
    """Where what is sent ends up: inside the walls or outside."""

    INTERNAL = "internal", "Inside"
    EXTERNAL = "external", "Outside"


class Provider(TenantOwned):
    """Who runs models for us, where, and under which papers. What is not said is taken at its worst."""

    name = models.SlugField(max_length=64)
    title = models.CharField(max_length=200, blank=True)
    kind = models.CharField(
        max_length=16, choices=ProviderKind.choices, default=ProviderKind.OPENAI
    )
    base_url = models.URLField(max_length=500)
    auth = models.CharField(max_length=16, choices=Auth.choices, default=Auth.NONE)
    secret_name = models.CharField(max_length=100, blank=True)
    more_secrets: "models.JSONField[Any, dict[str, str]]" = models.JSONField(
        default=dict, blank=True
    )
    settings: "models.JSONField[Any, dict[str, Any]]" = models.JSONField(default=dict, blank=True)
    egress = models.CharField(max_length=16, choices=Egress.choices, default=Egress.EXTERNAL)
    region = models.CharField(max_length=32, blank=True)
    baa = models.BooleanField("business associate agreement", default=False)
    dpa = models.BooleanField("data processing agreement", default=False)
    zero_retention = models.BooleanField(default=False)
    trains_on_data = models.BooleanField(default=True)
    papers_expire_on = models.DateField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "name"), name="provider_name_is_unique"),
            models.CheckConstraint(
                condition=~models.Q(auth__in=WITH_SECRET) | ~models.Q(secret_name=""),
                name="provider_names_its_secret",
            ),
            models.CheckConstraint(
                condition=models.Q(auth__in=Auth.values), name="provider_auth_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=ProviderKind.values), name="provider_kind_is_known"
            ),
        )

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def secret_names(self) -> tuple[str, ...]:
        """All the secrets that a call to it takes."""
        named = (self.secret_name, *self.more_secrets.values())
        return tuple(dict.fromkeys(name for name in named if name))

    def papers_are_valid(self, today: date) -> bool:
        return self.papers_expire_on is None or self.papers_expire_on >= today


class Deployment(TenantOwned):
    """One model at one provider. `clearance` is the highest data class that it may see."""

    provider = TenantForeignKey("workflows.Provider", related_name="deployments")
    name = models.SlugField(max_length=64)
    model = models.CharField(max_length=200)
    clearance = models.PositiveSmallIntegerField(default=int(DataClass.PUBLIC))
    timeout_seconds = models.PositiveSmallIntegerField(
        default=120, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "name"), name="deployment_name_is_unique"),
            models.CheckConstraint(
                condition=models.Q(clearance__lte=int(max(DataClass))),
                name="deployment_clearance_is_known",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def cleared_for(self) -> DataClass:
        return DataClass(self.clearance)


# Comparing with nothing gives neither true nor false, and a check holds then: so both are asked for.
BOTH_AMOUNTS = models.Q(
    input_micros_per_million__isnull=False,
    input_micros_per_million__gte=0,
    output_micros_per_million__isnull=False,
    output_micros_per_million__gte=0,
)
NO_AMOUNTS = models.Q(input_micros_per_million=None, output_micros_per_million=None)


class Price(Authored):
    """What a million tokens cost from a moment on, in micro-units of the currency. None: nobody knows from then on."""

    deployment = TenantForeignKey("workflows.Deployment", related_name="prices")
    valid_from = models.DateTimeField()
    input_micros_per_million = models.BigIntegerField(null=True, validators=[MinValueValidator(0)])
    output_micros_per_million = models.BigIntegerField(null=True, validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, default="EUR")

    class Meta(Authored.Meta):
        ordering = ("-valid_from", "-id")
        constraints = (
            models.CheckConstraint(condition=BOTH_AMOUNTS | NO_AMOUNTS, name="price_is_whole"),
        )

    def __str__(self) -> str:
        return f"price from {self.valid_from:%Y-%m-%d}"

    @property
    def is_end(self) -> bool:
        """Whether nothing may be spent on the deployment from this moment on."""
        return self.input_micros_per_million is None or self.output_micros_per_million is None
