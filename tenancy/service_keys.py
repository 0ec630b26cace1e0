"""Service keys: a service proves by signature, for one request, which tenant it works for.

The service signs these lines, each ended by a newline, with Ed25519 (RFC 8032):

    grove-assertion-v1, key id, tenant slug, unix seconds, nonce, METHOD, host, path?query, hex SHA-256 of the body

and sends them as the headers below. An assertion lives for a minute and serves once. It is never looked at when the
request carries an API token: a token is pinned to its tenant.
"""

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.timezone import now

from tenancy import ledger, tenants
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.errors import AssertionInvalid
from tenancy.events import EventType
from tenancy.models import ServiceKey, ServiceNonce, Tenant
from tenancy.permissions import to_permissions

VERSION = "grove-assertion-v1"
KEY, TENANT = "X-Grove-Service-Key", "X-Grove-Tenant"
TIME, NONCE, SIGNATURE = "X-Grove-Timestamp", "X-Grove-Nonce", "X-Grove-Signature"
SECONDS_VALID = 60
NONCE_FORM = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """What stands in `request.user` when a service asks."""

    pk: UUID
    name: str
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False


def create(
    *, name: str, public_key: bytes, scopes: Iterable[str], by: Actor, days: int = 366
) -> ServiceKey:
    """Register a service by its Ed25519 public key (32 raw bytes). Recorded in the platform's ledger."""
    Ed25519PublicKey.from_public_bytes(public_key)
    wanted = sorted(permission.value for permission in to_permissions(scopes))
    with transaction.atomic(), tenant_context(tenants.get_platform()):
        key = ServiceKey.objects.create(
            name=name,
            public_key=public_key,
            scopes=wanted,
            expires_at=now() + timedelta(days=days),
        )
        ledger.append(EventType.SERVICE_KEY_CREATED, subject=key, by=by, scopes=wanted)
    return key


def revoke(*, key: ServiceKey, by: Actor) -> None:
    """End a service key at once. Revoking twice changes nothing."""
    with transaction.atomic(), tenant_context(tenants.get_platform()):
        living = ServiceKey.objects.filter(pk=key.pk, revoked_at__isnull=True)
        if living.update(revoked_at=now()):
            ledger.append(EventType.SERVICE_KEY_REVOKED, subject=key, by=by)


def sign(
    private_key: Ed25519PrivateKey,
    *,
    key_id: UUID,
    tenant: str,
    nonce: str,
    method: str,
    host: str,
    path: str,
    body: bytes = b"",
    at: int | None = None,
) -> dict[str, str]:
    """The headers that a service sends: what a client does, and the definition that `verify` is held to."""
    at = int(time.time()) if at is None else at
    headers = {KEY: str(key_id), TENANT: tenant, TIME: str(at), NONCE: nonce}
    signature = private_key.sign(_signed_text(headers, method, host, path, body))
    return headers | {SIGNATURE: base64.b64encode(signature).decode()}


def is_asserted(request: HttpRequest) -> bool:
    """Whether this request asserts a tenant and no API token says otherwise."""
    return KEY in request.headers and "Authorization" not in request.headers


def verify(request: HttpRequest, *, host_tenant: Tenant) -> tuple[ServiceKey, Tenant]:
    """The key and the tenant that the request's headers prove.

    1 the key is known and usable   2 the time is near   3 the signature holds   4 the nonce is new
    5 the tenant is the host's; only the platform's own host serves every tenant
    Raises AssertionInvalid, and says in no case which of them failed.
    """
    key = _get_key(request)
    _check_time(request)
    _check_signature(request, key)
    _use_nonce(request, key)
    tenant = Tenant.objects.filter(schema_name=request.headers.get(TENANT, "")).first()
    if tenant is None or tenant.is_platform:
        raise AssertionInvalid
    if not host_tenant.is_platform and tenant.pk != host_tenant.pk:
        raise AssertionInvalid
    return key, tenant


def _get_key(request: HttpRequest) -> ServiceKey:
    try:
        key_id = UUID(request.headers[KEY])
    except ValueError as error:
        raise AssertionInvalid from error
    key = ServiceKey.objects.usable().filter(pk=key_id).first()
    if key is None:
        raise AssertionInvalid
    return key


def _check_time(request: HttpRequest) -> None:
    at = request.headers.get(TIME, "")
    if not at.isascii() or not at.isdigit() or abs(time.time() - int(at)) > SECONDS_VALID:
        raise AssertionInvalid


def _check_signature(request: HttpRequest, key: ServiceKey) -> None:
    text = _signed_text(
        request.headers,
        request.method or "",
        request.get_host(),
        request.get_full_path(),
        request.body,
    )
    try:
        signature = base64.b64decode(request.headers.get(SIGNATURE, ""), validate=True)
        Ed25519PublicKey.from_public_bytes(bytes(key.public_key)).verify(signature, text)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise AssertionInvalid from error


def _use_nonce(request: HttpRequest, key: ServiceKey) -> None:
    """Two requests with one nonce: the unique constraint lets one through."""
    nonce = request.headers.get(NONCE, "")
    if not NONCE_FORM.fullmatch(nonce):
        raise AssertionInvalid
    until = datetime.fromtimestamp(int(request.headers[TIME]) + 2 * SECONDS_VALID, tz=UTC)
    try:
        with transaction.atomic():
            ServiceNonce.objects.create(service_key=key, nonce=nonce, expires_at=until)
    except IntegrityError as error:
        raise AssertionInvalid from error
    ServiceNonce.objects.filter(expires_at__lt=now()).delete()


def _signed_text(
    headers: Mapping[str, str], method: str, host: str, path: str, body: bytes
) -> bytes:
    lines = (
        VERSION,
        headers[KEY],
        headers.get(TENANT, ""),
        headers.get(TIME, ""),
        headers.get(NONCE, ""),
        method,
        host,
        path,
        hashlib.sha256(body).hexdigest(),
    )
    return "".join(f"{line}\n" for line in lines).encode()
