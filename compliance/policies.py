"""Which policy is in force. Snapshots are never changed; activating one writes a row."""

import hashlib
from functools import lru_cache
from uuid import UUID

import rfc8785
from django.db import transaction
from django.utils.timezone import now

from compliance.errors import NoActivePolicy, PolicySnapshotNotFound
from compliance.models import PolicyActivation, PolicySnapshot
from compliance.policy import rules
from compliance.policy.engine import Engine
from compliance.policy.rules import Texts
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.events import EventType

ENGINES = 256
SNAPSHOTS = 4096


@transaction.atomic
def install_defaults(*, by: Actor) -> PolicySnapshot:
    """Give the current tenant the policy every tenant starts with. Changes nothing when one is
    in force already."""
    active = find_active_snapshot()
    if active:
        return active
    snapshot = _snapshot(texts=rules.default_texts(), by=by, summary="Default policy")
    _activate(snapshot, by=by, reason="Default policy of a new tenant")
    return snapshot


@transaction.atomic
def create(
    *, hard: str, obligations: str, by: Actor, summary: str = "", schema: str = ""
) -> PolicySnapshot:
    """Keep these texts as a snapshot, without activating it. The same texts give the same one.

    Raises PolicyInvalid with every problem found.
    """
    schema = schema or rules.default_texts().schema
    texts = Texts(hard=hard, obligations=obligations, schema=schema)
    rules.check(texts)
    found: PolicySnapshot | None = PolicySnapshot.objects.filter(digest=digest_of(texts)).first()
    if found:
        return found
    snapshot = _snapshot(texts=texts, by=by, summary=summary)
    ledger.append(
        EventType.POLICY_CREATED,
        subject=snapshot,
        by=by,
        number=snapshot.number,
        digest=snapshot.digest,
    )
    return snapshot


@transaction.atomic
def activate(*, snapshot: PolicySnapshot, by: Actor, reason: str = "") -> None:
    """Put a snapshot in force from now on. Activating what is active changes nothing.

    Runs that have begun keep the snapshot of their manifest.
    """
    active = find_active_snapshot()
    if active is None or active.pk != snapshot.pk:
        rules.check(snapshot.texts)
        _activate(snapshot, by=by, reason=reason)


def find_active_snapshot() -> PolicySnapshot | None:
    activation = PolicyActivation.objects.select_related("snapshot").order_by("-number").first()
    return activation.snapshot if activation else None


def active_snapshot() -> PolicySnapshot:
    """The policy in force for the current tenant. Raises NoActivePolicy."""
    snapshot = find_active_snapshot()
    if snapshot is None:
        raise NoActivePolicy
    return snapshot


def get_snapshot(snapshot_id: UUID) -> PolicySnapshot:
    snapshot: PolicySnapshot | None = PolicySnapshot.objects.filter(pk=snapshot_id).first()
    if snapshot is None:
        raise PolicySnapshotNotFound
    return snapshot


def engine_for(snapshot_id: UUID) -> Engine:
    """The engine of a snapshot of the current tenant, parsed once per process and text.

    Costs no query after the first call: snapshots never change. Raises PolicySnapshotNotFound.
    """
    return _engine(_read_texts(snapshot_id, tenant_id=current_tenant().pk))


def digest_of(texts: Texts) -> str:
    """SHA-256, in hex, of the RFC 8785 form of the three texts."""
    parts = {"hard": texts.hard, "obligations": texts.obligations, "schema": texts.schema}
    return hashlib.sha256(rfc8785.dumps(parts)).hexdigest()


@lru_cache(maxsize=SNAPSHOTS)
def _read_texts(snapshot_id: UUID, *, tenant_id: UUID) -> Texts:
    return get_snapshot(snapshot_id).texts


@lru_cache(maxsize=ENGINES)
def _engine(texts: Texts) -> Engine:
    return Engine(texts)


def _snapshot(*, texts: Texts, by: Actor, summary: str) -> PolicySnapshot:
    latest = PolicySnapshot.objects.order_by("-number").first()
    snapshot: PolicySnapshot = PolicySnapshot.objects.create(
        number=latest.number + 1 if latest else 1,
        hard=texts.hard,
        obligations=texts.obligations,
        schema=texts.schema,
        schema_digest=hashlib.sha256(texts.schema.encode()).hexdigest(),
        digest=digest_of(texts),
        summary=summary,
        author_kind=by.kind,
        author_id=by.id,
        created_at=now(),
    )
    return snapshot


def _activate(snapshot: PolicySnapshot, *, by: Actor, reason: str) -> None:
    latest = PolicyActivation.objects.order_by("-number").first()
    PolicyActivation.objects.create(
        snapshot=snapshot,
        number=latest.number + 1 if latest else 1,
        reason=reason,
        actor_kind=by.kind,
        actor_id=by.id,
        at=now(),
    )
    ledger.append(
        EventType.POLICY_ACTIVATED,
        subject=snapshot,
        by=by,
        number=snapshot.number,
        digest=snapshot.digest,
    )
