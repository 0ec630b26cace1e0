"""Keys that are sent as they are: of the provider, of the caller, or in place of them a client certificate."""

from collections.abc import Mapping
from typing import Final

from workflows.providers.auth.access import Access, Authentication, Signed, header_value
from workflows.providers.errors import FailureKind, ProviderError
from workflows.providers.tls import Tls

# Where each kind of provider looks for a key, and what stands before it. Sources: the vendors' API references.
HEADERS: Final[Mapping[str, tuple[str, str]]] = {
    "openai": ("Authorization", "Bearer "),
    "azure_openai": ("api-key", ""),
    "anthropic": ("x-api-key", ""),
    "gemini": ("x-goog-api-key", ""),
    "vertex": ("x-goog-api-key", ""),
    "bedrock": ("Authorization", "Bearer "),
}


class ApiKey(Authentication):
    """A key in the header that its kind of provider knows, or in that of the setting `key_header`."""

    def headers(self, access: Access, signed: Signed) -> Mapping[str, str]:
        return _in_header(access, access.own_secret())


class Bearer(Authentication):
    """A token that somebody else made, as `Authorization: Bearer` (RFC 6750)."""

    def headers(self, access: Access, signed: Signed) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {header_value(access.own_secret(), access)}"}


class CallersKey(Authentication):
    """The key of whoever called: it came with the request, goes out with this call, and is kept nowhere."""

    def headers(self, access: Access, signed: Signed) -> Mapping[str, str]:
        if not access.credentials:
            raise ProviderError(
                FailureKind.AUTH,
                f"“{access.target.name}” is called with the caller's own key, and none came with this request.",
            )
        return _in_header(access, access.credentials)


class ClientCertificate(Authentication):
    """Mutual TLS (RFC 8446, 4.4.2): the certificate and its private key, in PEM, from one secret or from two.

    A third one, `api_key`, is sent besides where a provider asks for both.
    """

    def headers(self, access: Access, signed: Signed) -> Mapping[str, str]:
        name = access.target.more_secrets.get("api_key")
        return _in_header(access, access.secret(name)) if name else {}

    def tls(self, access: Access) -> Tls:
        identity = access.own_secret()
        if name := access.target.more_secrets.get("certificate"):
            identity = f"{access.secret(name)}\n{identity}"
        return Tls(authorities=access.setting("authorities"), identity=identity)


def _in_header(access: Access, key: str) -> Mapping[str, str]:
    name, before = HEADERS[access.target.kind]
    if other := access.setting("key_header"):
        name, before = other, ""
    return {name: before + header_value(key, access)}
