"""What is wrong with a provider or a deployment as described: each fault with its field, for forms and the API."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from tenancy.context import current_tenant
from workflows.errors import ProviderInvalid
from workflows.models import Auth, Deployment, Egress, Provider
from workflows.models.provider import WITH_SECRET
from workflows.providers import connection, setting_values
from workflows.providers.connection import FieldFault

AS_MACHINE = (Auth.AZURE_IDENTITY, Auth.GOOGLE_METADATA)
REGION = re.compile(r"[a-z][a-z0-9-]{0,30}")  # as input labels name it


def find_in_provider(provider: Provider) -> list[FieldFault]:
    """Everything that keeps it from being used as described. Blank settings and secrets are dropped on the way."""
    if faults := _faults_of_mappings(provider):
        return faults
    provider.settings = connection.without_blanks(provider.settings)
    provider.more_secrets = connection.without_blanks(provider.more_secrets)
    return [
        *_faults_of_columns(provider),
        *_faults_of_address(provider),
        *_faults_of_place(provider),
        *connection.find_faults(
            provider.kind,
            provider.auth,
            base_url=provider.base_url,
            settings=provider.settings,
            more_secrets=provider.more_secrets,
        ),
    ]


def find_in_deployment(deployment: Deployment) -> list[FieldFault]:
    return _faults_of_columns(deployment)


def check(faults: list[FieldFault]) -> None:
    """Raise ProviderInvalid with all of them, if there are any."""
    if faults:
        errors = [
            {"pointer": f"#/{fault.field}", "detail": fault.sentence, "code": ProviderInvalid.code}
            for fault in faults
        ]
        sentences = dict.fromkeys(fault.sentence for fault in faults)
        raise ProviderInvalid(" ".join(sentences), errors=errors)


def _faults_of_mappings(provider: Provider) -> list[FieldFault]:
    names = ("settings", "more_secrets")
    return [
        FieldFault(name, f"{name} are an object of names and values.")
        for name in names
        if not isinstance(getattr(provider, name), dict)
    ]


def _faults_of_address(provider: Provider) -> list[FieldFault]:
    if fault := setting_values.address(provider.base_url):
        return [FieldFault("base_url", f"The address {fault}.")]
    if provider.egress == Egress.EXTERNAL and urlsplit(provider.base_url).scheme != "https":
        told = "What leaves the house leaves encrypted: the address must begin with https://."
        return [FieldFault("base_url", told)]
    return []


def _faults_of_place(provider: Provider) -> list[FieldFault]:
    faults = []
    if provider.region and not REGION.fullmatch(provider.region):
        told = "A region is a word of small letters, digits and hyphens, such as eu."
        faults.append(FieldFault("region", told))
    if provider.auth in WITH_SECRET and not provider.secret_name:
        told = (
            f"{Auth(provider.auth).label}: name the secret that holds what it needs (secret_name)."
        )
        faults.append(FieldFault("secret_name", told))
    if provider.auth in AS_MACHINE and not _may_use_machine():
        told = (
            "Signing in as the machine that Grove runs on is not open to this tenant. "
            "Whoever runs the installation can allow it (GROVE_MACHINE_IDENTITY_TENANTS)."
        )
        faults.append(FieldFault("auth", told))
    return faults


def _faults_of_columns(row: Provider | Deployment) -> list[FieldFault]:
    """What the columns say of themselves; addresses inside the walls need no dot, so theirs is checked above."""
    try:
        row.clean_fields(exclude=["base_url", "tenant", "provider", "region"])
    except ValidationError as error:
        told: dict[str, Any] = error.message_dict
        return [FieldFault(field, f"{field}: {each[0]}") for field, each in told.items()]
    return []


def _may_use_machine() -> bool:
    return current_tenant().slug in settings.MACHINE_IDENTITY_TENANTS
