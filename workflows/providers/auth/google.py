"""Google Cloud. Sources: Google Identity, "Using OAuth 2.0 for server to server applications" (RFC 7523, RS256);
Compute Engine, "Authenticate workloads using service accounts" (metadata server).
"""

import base64
import time
from collections.abc import Hashable
from typing import Any
from urllib.parse import urlencode

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from workflows.providers.auth import tokens
from workflows.providers.auth.access import Access
from workflows.providers.auth.tokens import Token, TokenWay
from workflows.providers.errors import FailureKind, ProviderError

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
METADATA = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 3600


class GoogleAccount(TokenWay):
    """A service account: the secret is its key file (JSON), which signs an assertion for each token."""

    def key(self, access: Access) -> Hashable:
        settings = map(access.setting, ("token_url", "scope"))
        return (*settings, tokens.digest(access.own_secret()))

    def make(self, access: Access) -> Token:
        address = access.setting("token_url", TOKEN_URL)
        scope = access.setting("scope", SCOPE)
        assertion = _assertion(access, audience=address, scope=scope, at=int(time.time()))
        return tokens.ask_with_form(access, address, {"grant_type": GRANT, "assertion": assertion})


class GoogleMetadata(TokenWay):
    """The service account of the machine itself; nothing is stored."""

    def key(self, access: Access) -> Hashable:
        return tuple(map(access.setting, ("token_url", "scope")))

    def make(self, access: Access) -> Token:
        asked = urlencode({"scopes": access.setting("scope", SCOPE)})
        address = f"{access.setting('token_url', METADATA)}?{asked}"
        return tokens.ask_machine(access, address, {"Metadata-Flavor": "Google"})


def _assertion(access: Access, *, audience: str, scope: str, at: int) -> str:
    """A signed statement of who we are (RFC 7519, RFC 7515)."""
    try:
        account = orjson.loads(access.own_secret())
        key = load_pem_private_key(account["private_key"].encode(), password=None)
        header = {"alg": "RS256", "typ": "JWT", "kid": account.get("private_key_id", "")}
        claims = {
            "iss": account["client_email"],
            "scope": scope,
            "aud": audience,
            "iat": at,
            "exp": at + ASSERTION_SECONDS,
        }
    except (ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        raise _unreadable(access) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _unreadable(access)
    said = f"{_part(header)}.{_part(claims)}"
    signature = key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{said}.{_base64(signature)}"


def _unreadable(access: Access) -> ProviderError:
    return ProviderError(
        FailureKind.AUTH,
        f"The secret “{access.target.secret_name}” is not the key file of a Google service account (JSON).",
    )


def _part(members: dict[str, Any]) -> str:
    return _base64(orjson.dumps(members))


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
