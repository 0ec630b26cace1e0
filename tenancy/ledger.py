"""The ledger: what happened, written in the transaction in which it happened.

Nothing waits here for a chain: tenancy/sequencer.py gives entries their place later, tenancy/verification.py checks it.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import rfc8785
from django.db import connection, models, transaction
from django.utils.timezone import now

from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import FactsNotPlain, NotInTransaction
from tenancy.events import EventType
from tenancy.models import LedgerEntry, new_id

LARGEST_NUMBER = 2**53 - 1  # what RFC 8785 can write
TOLD_IN_SQL = ("id", "at", "event", "subject_kind", "subject_id", "actor_kind", "actor_id", "facts")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about, where it is not a row."""

    kind: str
    id: str


def append(
    event: EventType | str, /, *, subject: models.Model | Subject, by: Actor, **facts: Any
) -> LedgerEntry:
    """Write an entry in the caller's transaction. Facts are names, numbers and digests, never personal data.

    Raises NotInTransaction, NoTenant, FactsNotPlain, and ValueError for an event that tenancy/events.py does not know.
    """
    entry = to_entry(event, subject=subject, by=by, facts=facts)
    entry.save(force_insert=True)
    return entry


def append_refusal(*, subject: Subject, by: Actor, **facts: Any) -> LedgerEntry:
    """Record that somebody was refused, in a transaction of its own: what was refused has been rolled back."""
    with transaction.atomic():
        return append(EventType.ACCESS_REFUSED, subject=subject, by=by, **facts)


def to_entry(
    event: EventType | str, /, *, subject: models.Model | Subject, by: Actor, facts: dict[str, Any]
) -> LedgerEntry:
    """An entry that is not written yet."""
    if not connection.in_atomic_block:
        raise NotInTransaction
    if isinstance(subject, models.Model):
        subject = Subject(kind=str(subject._meta.model_name), id=str(subject.pk))
    entry = _entry(EventType(event), subject, by, facts)
    entry.canonical = canonical_bytes(entry)
    return entry


def to_row(
    event: EventType,
    /,
    *,
    subject: Subject,
    by: Actor,
    facts: dict[str, Any],
    told: Collection[str],
) -> dict[str, Any]:
    """An entry as the SQL function grove_append takes it: the facts that are `told` are digests that the server knows.

    Whoever has it written does so in the transaction in which it happened.
    """
    entry = _entry(event, subject, by, facts | {name: f"<{name}>" for name in told})
    row = {name: getattr(entry, name) for name in TOLD_IN_SQL}
    return row | {"canonical": canonical_bytes(entry).decode()}


def canonical_bytes(entry: LedgerEntry) -> bytes:
    """RFC 8785 (JCS) over all that an entry says: the bytes that its leaf hashes."""
    return rfc8785.dumps(
        {
            "id": str(entry.id),
            "tenant": str(entry.tenant_id),
            "at": to_timestamp(entry.at),
            "event": entry.event,
            "subject": {"kind": entry.subject_kind, "id": entry.subject_id},
            "actor": {"kind": entry.actor_kind, "id": entry.actor_id},
            "facts": entry.facts,
        }
    )


def to_timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, always with six digits of a second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def lock_number(tenant_id: UUID) -> int:
    """The advisory lock that this tenant's sequencer holds."""
    digest = hashlib.sha256(b"grove ledger" + tenant_id.bytes).digest()
    return int.from_bytes(digest[:8], signed=True)


def _entry(event: EventType, subject: Subject, by: Actor, facts: dict[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        id=new_id(),
        tenant_id=current_tenant().pk,
        at=now(),
        event=event.value,
        subject_kind=subject.kind,
        subject_id=subject.id,
        actor_kind=by.kind,
        actor_id=by.id,
        facts=_plain(facts, "facts"),
    )


def _plain(value: Any, path: str) -> Any:
    """A value as JSON holds it, so that what is read back has the same canonical bytes."""
    match value:
        case Enum():
            plain = _plain(value.value, path)
        case None | bool():
            plain = value
        case datetime():
            plain = to_timestamp(value)
        case UUID() | date():
            plain = str(value)
        case int() if abs(value) <= LARGEST_NUMBER:
            plain = int(value)
        case str() if "\x00" not in value:
            plain = str(value)
        case dict():
            plain = {str(key): _plain(each, f"{path}.{key}") for key, each in value.items()}
        case list() | tuple():
            plain = [_plain(each, f"{path}[{nth}]") for nth, each in enumerate(value)]
        case set() | frozenset():
            plain = sorted(_plain(each, path) for each in value)
        case _:
            raise FactsNotPlain(
                f"{path} is {type(value).__name__}, which a ledger entry cannot hold: "
                "use text, whole numbers, lists, mappings."
            )
    return plain
