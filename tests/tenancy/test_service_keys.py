"""Service keys: one signature, one tenant, one minute, one use."""

import base64
import secrets
import time
from io import StringIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.test import Client

from tenancy import hosts, service_keys, tenants, tokens
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.models import Domain, LedgerEntry, ServiceKey, ServiceNonce, Tenant
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

PATH = "/api/v1/tenant"
PRIVATE = Ed25519PrivateKey.generate()


@pytest.fixture
def key(db: None) -> ServiceKey:
    return service_keys.create(
        name=f"scheduler-{secrets.token_hex(4)}",
        public_key=PRIVATE.public_key().public_bytes_raw(),
        scopes=["tenant.view", "run.start"],
        by=SYSTEM,
    )


def signed(key: ServiceKey, tenant_of: Tenant, **changes: Any) -> dict[str, str]:
    wanted: dict[str, Any] = {
        "key_id": key.pk,
        "tenant": tenant_of.slug,
        "nonce": secrets.token_urlsafe(16),
        "method": "GET",
        "host": f"{tenant_of.slug}.localhost",
        "path": PATH,
    }
    return service_keys.sign(PRIVATE, **wanted | changes)


def call(host: str, headers: dict[str, str], path: str = PATH) -> Any:
    return Client(headers={"host": host}).get(path, headers=headers)


def test_signed_request_speaks_for_the_tenant(acme: Tenant, key: ServiceKey) -> None:
    response = call(f"{acme.slug}.localhost", signed(key, acme))

    assert response.status_code == 200
    assert response.json()["slug"] == acme.slug


def test_platform_host_serves_every_tenant(acme: Tenant, key: ServiceKey) -> None:
    Domain.objects.create(tenant=tenants.get_platform(), domain="services.localhost")
    hosts.forget()

    response = call("services.localhost", signed(key, acme, host="services.localhost"))

    assert response.json()["slug"] == acme.slug


def test_replayed_request_is_refused(acme: Tenant, key: ServiceKey) -> None:
    headers = signed(key, acme)

    first, second = (call(f"{acme.slug}.localhost", headers) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 401)
    assert second.json()["code"] == "assertion_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"at": -120},  # too old
        {"at": +120},  # from the future
        {"nonce": "short"},
        {"method": "POST"},  # signed for another request
        {"path": "/api/v1/members"},
        {"body": b"{}"},
        {"host": "elsewhere.localhost"},
        {"tenant": "no-such-tenant"},
        {"tenant": "platform"},
        {"key_id": "00000000-0000-7000-8000-000000000000"},
        {"key_id": "nonsense"},
    ],
)
def test_wrong_assertion_is_refused(acme: Tenant, key: ServiceKey, changes: dict[str, Any]) -> None:
    if "at" in changes:
        changes = {"at": int(time.time()) + changes["at"]}

    response = call(f"{acme.slug}.localhost", signed(key, acme, **changes))

    assert response.status_code == 401
    assert response.json()["code"] == "assertion_invalid"


def test_signature_of_another_key_is_refused(acme: Tenant, key: ServiceKey) -> None:
    headers = service_keys.sign(
        Ed25519PrivateKey.generate(),
        key_id=key.pk,
        tenant=acme.slug,
        nonce=secrets.token_urlsafe(16),
        method="GET",
        host=f"{acme.slug}.localhost",
        path=PATH,
    )

    assert call(f"{acme.slug}.localhost", headers).status_code == 401


def test_tenants_host_serves_its_own_tenant_only(
    acme: Tenant, beta: Tenant, key: ServiceKey
) -> None:
    host = f"{beta.slug}.localhost"

    assert call(host, signed(key, acme, host=host)).status_code == 401


def test_revoked_key_is_refused(acme: Tenant, key: ServiceKey) -> None:
    service_keys.revoke(key=key, by=SYSTEM)

    assert call(f"{acme.slug}.localhost", signed(key, acme)).status_code == 401


def test_key_does_what_its_scopes_say_and_no_more(acme: Tenant, key: ServiceKey) -> None:
    path = "/api/v1/members"

    response = call(f"{acme.slug}.localhost", signed(key, acme, path=path), path)

    assert response.status_code == 403
    with tenant_context(acme):
        assert LedgerEntry.objects.get(event="access.refused").actor_kind == "service"


def test_token_with_an_assertion_stays_in_its_tenant(
    acme: Tenant, beta: Tenant, key: ServiceKey
) -> None:
    bob = factories.make_member(tenant=acme)
    with tenant_context(acme):
        made = tokens.create(
            membership=bob,
            name="pinned",
            scopes=["tenant.view"],
            expires_at=key.expires_at.replace(microsecond=0) - service_keys.timedelta(days=30),
            within=bob.permissions,
            by=Actor.of_user(bob.user),
        )
    headers = signed(key, beta, host=f"{acme.slug}.localhost")

    response = call(f"{acme.slug}.localhost", headers | {"Authorization": f"Bearer {made.text}"})

    assert response.json()["slug"] == acme.slug
    assert not ServiceNonce.objects.exists()


def test_only_the_public_half_is_kept(key: ServiceKey) -> None:
    kept = {field.name for field in ServiceKey._meta.concrete_fields}

    assert bytes(key.public_key) == PRIVATE.public_key().public_bytes_raw()
    assert not {name for name in kept if "private" in name or "secret" in name}


def test_creation_is_recorded_in_the_platforms_ledger(key: ServiceKey) -> None:
    with tenant_context(tenants.get_platform()):
        entry = LedgerEntry.objects.get(subject_id=str(key.pk))

    assert entry.event == "service_key.created"


def test_command_creates_lists_and_revokes() -> None:
    out, name = StringIO(), f"nightly-{secrets.token_hex(4)}"
    public = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw())

    call_command(
        "service_key",
        "create",
        name,
        f"--public-key={public.decode()}",
        "--scope=run.start",
        stdout=out,
    )
    call_command("service_key", "revoke", name, stdout=out)
    call_command("service_key", "list", stdout=out)

    assert f"{name}\trevoked\t" in out.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "x", "--public-key=short", "--scope=run.start"),
        ("create", "x", "--public-key=AAAA", "--scope=run.start"),
        ("revoke", "nobody"),
    ],
)
@pytest.mark.usefixtures("db")
def test_command_says_what_is_wrong(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("service_key", *arguments)


def test_name_is_taken_once(key: ServiceKey) -> None:
    public = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw())

    with pytest.raises(CommandError):
        call_command(
            "service_key",
            "create",
            key.name,
            f"--public-key={public.decode()}",
            "--scope=run.start",
        )
