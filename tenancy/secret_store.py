"""Secrets, write-only: they go in here, and come out only where they are used, as a value that does not print itself.

Where values are kept is in tenancy/secret_backends.py, what may use them in tenancy/secret_uses.py, and what may be
shown of them in tenancy/secret_facts.py.
"""

import hashlib
import hmac
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils.timezone import now

from tenancy import keys, ledger, secret_backends, secret_uses
from tenancy.actors import SYSTEM, Actor
from tenancy.context import current_tenant
from tenancy.errors import (
    GroveError,
    NoVersionWaits,
    SecretConflict,
    SecretExpired,
    SecretInUse,
    SecretInvalid,
    SecretNotFound,
    SecretUseRefused,
)
from tenancy.events import EventType
from tenancy.models import BackendKind, Secret, SecretVersion, TenantStatus
from tenancy.secret_backends import Backend, Kept
from tenancy.secret_uses import Bindings, SecretUse, bindings_of

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST_BYTES = 64_000
TRIES = 20
USE_IS_NOTED_EVERY = timedelta(minutes=1)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A secret on its way to where it is used. Neither repr nor str shows it."""

    name: str
    _value: str = field(repr=False)

    def expose(self) -> str:
        return self._value

    def __str__(self) -> str:
        return f"secret {self.name}"


def put(*, name: str, value: str, by: Actor, waits: bool = False) -> SecretVersion:
    """Store a value as the newest version of a secret; a revoked one comes back to life.

    It is used from now on. With `waits` the version before goes on until `confirm`. Either way the one before stays
    readable until then. Raises SecretInvalid, SecretConflict, and what the backend raises: then nothing is stored.
    """
    if not NAME.fullmatch(name) or not value or len(value.encode()) > LONGEST_BYTES:
        raise SecretInvalid
    backend = secret_backends.chosen()
    for tried in range(TRIES):
        number = _newest_number(name) + 1
        try:
            kept = backend.write(name, number, value)
            return _write(name, number, kept, value=value, backend=backend, waits=waits, by=by)
        except SecretConflict:
            if tried == TRIES - 1:
                raise
    raise SecretConflict


def reveal(name: str, *, use: SecretUse | None = None) -> SecretValue:
    """The value in use, for the provider gateway and governed tool calls only.

    `use` says what it is wanted for, beyond what `secret_uses.used_for` says around the call. A use outside of the
    bindings is on record in the ledger. Raises SecretNotFound, SecretExpired, SecretUseRefused, and what the backend
    raises.
    """
    use = (use or SecretUse()).completed(secret_uses.current_use())
    version = _version_in_use(name)
    if version is None:
        raise SecretNotFound(f"There is no secret “{name}”, or it was revoked.")
    secret = version.secret
    if fault := bindings_of(secret).find_fault(name, use):
        _record_refusal(secret, use)
        raise SecretUseRefused(fault)
    if secret.expires_on is not None and secret.expires_on < now().date():
        raise SecretExpired(
            f"The secret “{name}” served until {secret.expires_on}. Replace it, or give it a later last day."
        )
    value = secret_backends.holding(version).read(name, version)
    _note_use(secret)
    return SecretValue(name, value)


def find_refusal(name: str, use: SecretUse) -> GroveError | None:
    """Why `reveal` would refuse this use, without asking the backend: for a decision that comes first."""
    version = _version_in_use(name)
    if version is None:
        return SecretNotFound(f"There is no secret “{name}”, or it was revoked.")
    fault = bindings_of(version.secret).find_fault(name, use)
    return SecretUseRefused(fault) if fault else None


@transaction.atomic
def change(
    *,
    name: str,
    by: Actor,
    expires_on: date | None,
    bindings: Bindings,
    rotate_days: int | None = None,
) -> None:
    """Give a secret its last day, its rotation and its bindings, all at once. What changes nothing leaves no trace.

    Raises SecretNotFound, SecretInvalid.
    """
    secret_uses.check(bindings)
    secret = _locked(name)
    before = (secret.expires_on, secret.rotate_days, bindings_of(secret))
    if before == (expires_on, rotate_days, bindings):
        return
    Secret.objects.filter(pk=secret.pk).update(
        expires_on=expires_on,
        rotate_days=rotate_days,
        **{f"bound_{key}": names for key, names in bindings.to_json().items()},
    )
    ledger.append(
        EventType.SECRET_CHANGED,
        subject=secret,
        by=by,
        name=name,
        expires_on=expires_on,
        rotate_days=rotate_days,
        **bindings.to_json(),
    )


@transaction.atomic
def confirm(*, name: str, by: Actor, number: int | None = None) -> None:
    """The newest version is used from now on, and all before it are emptied; `number` says which that should be.

    Raises SecretNotFound, NoVersionWaits, SecretConflict where a newer one has come.
    """
    secret = _locked(name)
    living = secret.versions.readable().order_by("-number")
    newest = living.first()
    if newest is None or living.count() < 2:
        raise NoVersionWaits
    if number is not None and newest.number != number:
        raise SecretConflict
    older = living.exclude(pk=newest.pk).order_by()
    Secret.objects.filter(pk=secret.pk).update(in_use=None)
    _empty(older)
    ledger.append(
        EventType.SECRET_CONFIRMED, subject=secret, by=by, name=name, version=newest.number
    )


@transaction.atomic
def discard(*, name: str, by: Actor, number: int | None = None) -> None:
    """Empty the newest version and go on with the one before it; `number` says which that should be.

    Raises SecretNotFound, NoVersionWaits, SecretConflict where a newer one has come.
    """
    secret = _locked(name)
    living = list(secret.versions.readable().order_by("-number")[:2])
    if len(living) < 2:
        raise NoVersionWaits
    newest = living[0]
    if number is not None and newest.number != number:
        raise SecretConflict
    Secret.objects.filter(pk=secret.pk).update(in_use=None)
    _empty(secret.versions.filter(pk=newest.pk))
    ledger.append(
        EventType.SECRET_DISCARDED, subject=secret, by=by, name=name, version=newest.number
    )


@transaction.atomic
def revoke(*, name: str, by: Actor, confirmation: str = "") -> None:
    """End a secret and empty all its versions. Revoking twice changes nothing.

    Where something names it, `confirmation` must be its name. Raises SecretNotFound, SecretInUse (with `used_by`).
    """
    secret = Secret.objects.select_for_update().filter(name=name).first()
    if secret is None:
        raise SecretNotFound
    if secret.revoked_at:
        return
    hit = secret_uses.usages_of(name)
    if hit and confirmation != name:
        raise SecretInUse(
            f"{len(hit)} of this tenant's providers and destinations would stop to work without “{name}”. "
            "Confirm with its name.",
            used_by=[
                {"kind": use.kind, "name": use.name, "workflows": list(use.workflows)}
                for use in hit
            ],
        )
    Secret.objects.filter(pk=secret.pk).update(revoked_at=now(), in_use=None)
    emptied = _empty(secret.versions.filter(emptied_at__isnull=True))
    ledger.append(
        EventType.SECRET_REVOKED,
        subject=secret,
        by=by,
        name=name,
        versions=emptied,
        used_by=[f"{use.kind}:{use.name}" for use in hit],
    )


def test(*, name: str, by: Actor) -> Sequence[secret_uses.Tried]:
    """Try the newest version with all that names it; nobody else sees it meanwhile. When all passed it is confirmed.

    Raises SecretNotFound.
    """
    living = SecretVersion.objects.readable().filter(secret__name=name).order_by("-number")
    newest = living.first()
    if newest is None:
        raise SecretNotFound
    tried = secret_uses.try_out(name, newest.number, by)
    if tried and all(each.passed for each in tried) and living.count() > 1:
        confirm(name=name, by=by, number=newest.number)
    return tried


def empty_all(*, at: datetime) -> int:
    """Empty every version of the current tenant: a step of its disposal. What is in Vault is removed afterwards."""
    emptied: int = SecretVersion.objects.filter(emptied_at__isnull=True).update(
        sealed=None, emptied_at=at
    )
    secret_backends.forget_credential_unless_needed()
    transaction.on_commit(empty_outside)
    return emptied


def empty_outside() -> int:
    """Remove from Vault what was revoked or replaced here, in the current tenant; how many are gone now.

    What fails is tried again by the chore of tenancy/tasks.py.
    """
    waiting = SecretVersion.objects.select_related("secret").filter(
        emptied_at__isnull=False, outside_version__isnull=False
    )
    removed = sum(1 for version in waiting if _remove_outside(version))
    if current_tenant().status == TenantStatus.DELETED:
        secret_backends.forget_credential_unless_needed()
    return removed


def exists(name: str) -> bool:
    return bool(Secret.objects.filter(name=name, revoked_at__isnull=True).exists())


def _write(
    name: str,
    number: int,
    kept: Kept,
    *,
    value: str,
    backend: Backend,
    waits: bool,
    by: Actor,
) -> SecretVersion:
    version = SecretVersion(
        number=number,
        backend=kept.backend,
        sealed=kept.sealed,
        outside_path=kept.outside_path,
        outside_version=kept.outside_version,
        fingerprint=_fingerprint(value),
        created_by_kind=by.kind,
        created_by_id=by.id,
    )
    try:
        with transaction.atomic():
            _insert(name, version, waits=waits, by=by)
    except (SecretConflict, DatabaseError):
        _undo(backend, name, version)
        raise
    return version


def _insert(name: str, version: SecretVersion, *, waits: bool, by: Actor) -> None:
    Secret.objects.bulk_create(
        [Secret(name=name, tenant_id=current_tenant().pk)], ignore_conflicts=True
    )
    secret = Secret.objects.select_for_update().get(name=name)
    if _newest_number(name) != version.number - 1:
        raise SecretConflict
    before = None if secret.revoked_at else _version_in_use(name)
    waits = waits and before is not None
    version.secret = secret
    version.save(force_insert=True)
    in_use = before.number if waits and before is not None else None
    Secret.objects.filter(pk=secret.pk).update(revoked_at=None, in_use=in_use)
    facts = {"name": name, "version": version.number, "fingerprint": version.fingerprint}
    if waits:
        facts["waits"] = True
    if version.backend != BackendKind.LOCAL:
        facts["backend"] = version.backend
    ledger.append(EventType.SECRET_SET, subject=secret, by=by, **facts)


def _undo(backend: Backend, name: str, version: SecretVersion) -> None:
    try:
        backend.destroy(name, version)
    except GroveError:
        logger.warning(
            "A value that was not stored is left in Vault",
            extra={"action": "secret_left_outside", "path": version.outside_path},
        )


def _locked(name: str) -> Secret:
    secret: Secret | None = (
        Secret.objects.select_for_update().filter(name=name, revoked_at__isnull=True).first()
    )
    if secret is None:
        raise SecretNotFound
    return secret


def _newest_number(name: str) -> int:
    newest = SecretVersion.objects.filter(secret__name=name).aggregate(newest=Max("number"))
    return int(newest["newest"] or 0)


def _version_in_use(name: str) -> SecretVersion | None:
    versions = SecretVersion.objects.readable().filter(secret__name=name)
    tried = secret_uses.version_tried(name)
    counts = Q(secret__in_use__isnull=True) | Q(number=F("secret__in_use"))
    versions = versions.filter(counts if tried is None else Q(number=tried))
    version: SecretVersion | None = versions.select_related("secret").order_by("-number").first()
    return version


def _empty(versions: QuerySet[SecretVersion]) -> int:
    """Nothing here can read them any more; what is in Vault is removed once this is committed."""
    emptied: int = versions.update(sealed=None, emptied_at=now())
    transaction.on_commit(empty_outside)
    return emptied


def _remove_outside(version: SecretVersion) -> bool:
    try:
        secret_backends.holding(version).destroy(version.secret.name, version)
    except GroveError as error:
        logger.warning(
            "A value could not be removed from Vault; it is tried again",
            extra={
                "action": "secret_left_outside",
                "path": version.outside_path,
                "code": error.code,
            },
        )
        return False
    SecretVersion.objects.filter(pk=version.pk).update(outside_version=None)
    return True


def _record_refusal(secret: Secret, use: SecretUse) -> None:
    """In a transaction of its own: the refusal stands whatever becomes of what was refused."""
    with transaction.atomic():
        ledger.append(
            EventType.SECRET_USE_REFUSED,
            subject=secret,
            by=SYSTEM,
            name=secret.name,
            purpose=str(use.purpose),
            workflow=use.workflow,
            provider=use.provider,
            destination=use.destination,
            data_class=use.data_class,
            run=str(use.run_id or ""),
            node=use.node_id,
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
