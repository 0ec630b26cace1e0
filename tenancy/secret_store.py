"""Secrets, write-only: they go in here, and come out only where they are used, as a value that does not print itself.

Each version is sealed for its tenant, name and number, with a key derived from the tenant key.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from tenancy import keys, ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import SecretInvalid, SecretNotFound
from tenancy.events import EventType
from tenancy.models import Secret, SecretVersion
from tenancy.sealing import Place, seal, unseal

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST_BYTES = 64_000
USE_IS_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A secret on its way to where it is used. Neither repr nor str shows it."""

    name: str
    _value: str = field(repr=False)

    def expose(self) -> str:
        return self._value

    def __str__(self) -> str:
        return f"secret {self.name}"


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """What may be shown of a secret."""

    name: str
    version: int
    fingerprint: str
    created_at: datetime
    changed_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@transaction.atomic
def put(*, name: str, value: str, by: Actor) -> SecretVersion:
    """Store a value as the newest version of a secret; a revoked one comes back to life. Raises SecretInvalid."""
    if not NAME.fullmatch(name) or not value or len(value.encode()) > LONGEST_BYTES:
        raise SecretInvalid
    Secret.objects.bulk_create(
        [Secret(name=name, tenant_id=current_tenant().pk)], ignore_conflicts=True
    )
    secret = Secret.objects.select_for_update().get(name=name)
    last = secret.versions.order_by("-number").first()
    number = last.number + 1 if last else 1
    version: SecretVersion = SecretVersion.objects.create(
        secret=secret,
        number=number,
        sealed=seal(keys.derived_key("secrets"), value.encode(), place=_place(name, number)),
        fingerprint=_fingerprint(value),
        created_by_kind=by.kind,
        created_by_id=by.id,
    )
    Secret.objects.filter(pk=secret.pk).update(revoked_at=None)
    ledger.append(
        EventType.SECRET_SET,
        subject=secret,
        by=by,
        name=name,
        version=number,
        fingerprint=version.fingerprint,
    )
    return version


def reveal(name: str) -> SecretValue:
    """The newest value, for the provider gateway and governed tool calls only. Raises SecretNotFound."""
    version = (
        SecretVersion.objects.select_related("secret")
        .filter(secret__name=name, secret__revoked_at__isnull=True)
        .order_by("-number")
        .first()
    )
    if version is None or version.sealed is None:
        raise SecretNotFound(f"There is no secret “{name}”, or it was revoked.")
    plain = unseal(keys.derived_key("secrets"), version.sealed, place=_place(name, version.number))
    _note_use(version.secret)
    return SecretValue(name, plain.decode())


@transaction.atomic
def revoke(*, name: str, by: Actor) -> None:
    """End a secret and empty all its versions. Revoking twice changes nothing. Raises SecretNotFound."""
    secret = Secret.objects.select_for_update().filter(name=name).first()
    if secret is None:
        raise SecretNotFound
    if secret.revoked_at:
        return
    Secret.objects.filter(pk=secret.pk).update(revoked_at=now())
    emptied = SecretVersion.objects.filter(secret=secret).update(sealed=None)
    ledger.append(EventType.SECRET_REVOKED, subject=secret, by=by, name=name, versions=emptied)


def exists(name: str) -> bool:
    return bool(Secret.objects.filter(name=name, revoked_at__isnull=True).exists())


def list_secrets() -> Sequence[SecretFacts]:
    """All secrets of the tenant by name, without their values."""
    newest: dict[str, SecretVersion] = {}
    for version in SecretVersion.objects.select_related("secret").order_by("number"):
        newest[version.secret.name] = version
    return [_facts(newest[name]) for name in sorted(newest)]


def find_secret(name: str) -> SecretFacts | None:
    versions = SecretVersion.objects.select_related("secret").filter(secret__name=name)
    version = versions.order_by("-number").first()
    return _facts(version) if version else None


def _facts(version: SecretVersion) -> SecretFacts:
    secret = version.secret
    return SecretFacts(
        name=secret.name,
        version=version.number,
        fingerprint=version.fingerprint,
        created_at=secret.created_at,
        changed_at=version.created_at,
        last_used_at=secret.last_used_at,
        revoked_at=secret.revoked_at,
    )


def _note_use(secret: Secret) -> None:
    """Last use, to the minute: a write for every call would cost more than it tells."""
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now() - USE_IS_NOTED_EVERY)
    if secret.last_used_at is None or secret.last_used_at < now() - USE_IS_NOTED_EVERY:
        Secret.objects.filter(stale, pk=secret.pk).update(last_used_at=now())


def _fingerprint(value: str) -> str:
    """Sixteen hex digits by which a value is recognised; keyed, so that a short one cannot be guessed."""
    secret = keys.derived_key("secret fingerprints").secret
    return hmac.digest(secret, value.encode(), hashlib.sha256).hex()[:16]


def _place(name: str, number: int) -> Place:
    return Place(tenant_id=current_tenant().pk, table="secret", row=name, column=str(number))
