"""Requests that may be sent twice: the first is worked on, the others get its answer.

After draft-ietf-httpapi-idempotency-key-header-07. A key belongs to its caller and route. Only answers that changed
something are kept, sealed, for a day; a refused request leaves its key free.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from tenancy import keys, sealing
from tenancy.actors import SYSTEM, Actor
from tenancy.context import current_tenant
from tenancy.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from tenancy.models import IdempotencyKey

KEPT = timedelta(hours=24)
GIVEN_UP = timedelta(minutes=5)  # a first request that took so long has died with its process
BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered the first time."""

    status: int
    body: bytes
    location: str


def claim(*, key: str, route: str, request: bytes, caller: Actor) -> IdempotencyKey | Answer:
    """Our claim when this request is the first; the kept answer when it is not.

    Raises IdempotencyKeyInUse while the first is being worked on, IdempotencyKeyReused for another request.
    """
    # Keyed: a plain hash of a short body would give away what was in it.
    digest = hmac.digest(keys.derived_key("idempotency").secret, request, "sha256")
    who = f"{caller.kind}:{caller.id}"
    _forget_stale(IdempotencyKey.objects.filter(caller=who, route=route, key=key))
    try:
        with transaction.atomic():
            ours: IdempotencyKey = IdempotencyKey.objects.create(
                caller=who, route=route, key=key, request_digest=digest
            )
            return ours
    except IntegrityError:
        theirs = IdempotencyKey.objects.filter(caller=who, route=route, key=key).first()
    if theirs is None:  # released a moment ago: the caller may try again
        raise IdempotencyKeyInUse
    if not hmac.compare_digest(bytes(theirs.request_digest), digest):
        raise IdempotencyKeyReused
    if theirs.status is None:
        raise IdempotencyKeyInUse
    return Answer(status=theirs.status, body=_unseal(theirs), location=theirs.location)


def keep(*, claimed: IdempotencyKey, answer: Answer) -> None:
    """Remember what was answered. It is sealed: an answer may hold what must be forgotten one day."""
    data_key = keys.take_data_key()
    claimed.status, claimed.location = answer.status, answer.location
    claimed.data_key_id = data_key.id
    claimed.body_sealed = sealing.seal(data_key, answer.body, place=_place(claimed))
    claimed.save(update_fields=["status", "location", "data_key_id", "body_sealed"])


def release(*, claimed: IdempotencyKey) -> None:
    """The request changed nothing: its key is free again."""
    IdempotencyKey.objects.filter(pk=claimed.pk, status__isnull=True).delete()


def forget_old() -> int:
    """Drop what is older than a day, in the current tenant, at most a batch of it. Returns how many."""
    old = IdempotencyKey.objects.filter(created_at__lt=now() - KEPT).order_by("created_at")
    return _forget(list(old[:BATCH]))


def _forget_stale(rows: QuerySet[IdempotencyKey]) -> None:
    before = now()
    stale = [
        row
        for row in rows
        if row.created_at < before - KEPT
        or (row.status is None and row.created_at < before - GIVEN_UP)
    ]
    _forget(stale)


def _forget(rows: list[IdempotencyKey]) -> int:
    if not rows:
        return 0
    if data_keys := [row.data_key_id for row in rows if row.data_key_id]:
        keys.destroy_data_keys(data_keys, by=SYSTEM)
    IdempotencyKey.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _unseal(row: IdempotencyKey) -> bytes:
    if row.data_key_id is None or row.body_sealed is None:
        return b""
    data_key = keys.open_data_key(row.data_key_id)
    return sealing.unseal(data_key, bytes(row.body_sealed), place=_place(row))


def _place(row: IdempotencyKey) -> sealing.Place:
    return sealing.Place(
        tenant_id=current_tenant().pk,
        table=row._meta.db_table,
        row=row.pk,
        column="body_sealed",
    )
