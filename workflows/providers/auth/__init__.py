"""The ways to sign in to a provider, each under the name by which a provider's `auth` names it."""

from collections.abc import Mapping
from typing import Final

from workflows.providers.auth.access import Access, Authentication, Rejection, Signed
from workflows.providers.auth.aws import SignatureFour
from workflows.providers.auth.azure import AzureClient, AzureIdentity
from workflows.providers.auth.google import GoogleAccount, GoogleMetadata
from workflows.providers.auth.keys import ApiKey, Bearer, CallersKey, ClientCertificate
from workflows.providers.auth.oauth2 import ClientCredentials

__all__ = ["WAYS", "Access", "Authentication", "Rejection", "Signed"]

WAYS: Final[Mapping[str, Authentication]] = {
    "none": Authentication(),
    "api_key": ApiKey(),
    "bearer": Bearer(),
    "oauth2": ClientCredentials(),
    "azure_client": AzureClient(),
    "azure_identity": AzureIdentity(),
    "google_account": GoogleAccount(),
    "google_metadata": GoogleMetadata(),
    "aws_sigv4": SignatureFour(),
    "mtls": ClientCertificate(),
    "caller_key": CallersKey(),
}
