"""Objects that workflows keep: every write is a new version, sealed with a data key of its own."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from compliance.labels import Labels
from tenancy import commitments, keys, sealing
from tenancy.models import new_id
from workflows import stores
from workflows.models import StorageProfile, StoredObject

LARGEST_BYTES = 50_000_000
TABLE = "workflows_storedobject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Who writes: the call of a run, whose key makes one version however often it comes."""

    run_id: UUID
    node_id: str
    owner_label: str
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an object says: JSON, or a text."""

    content_type: str
    value: Any

    @property
    def plain(self) -> bytes:
        is_json = self.content_type == "application/json"
        return orjson.dumps(self.value) if is_json else str(self.value).encode()

    def to_json(self) -> dict[str, Any]:
        return {"json" if self.content_type == "application/json" else "text": self.value}


def write(
    *, profile: StorageProfile, key: str, content: Content, labels: Labels, writing: Writing
) -> StoredObject:
    """Keep a new version; the same call again gives the version it made. Raises StoreFull, StoreBroken."""
    made = _find_made(profile, writing)
    if made is not None:
        return made
    plain = content.plain
    salt, digest = commitments.commit(plain)
    data_key, object_id = keys.take_data_key(owner_label=writing.owner_label), new_id()
    place = _place(profile.tenant_id, object_id)
    sealed = sealing.seal(data_key, salt + plain, place=place)
    reference = stores.put(data_key, place, sealed, profile=profile.name)
    with transaction.atomic():
        StorageProfile.objects.select_for_update().get(pk=profile.pk)  # numbers without a gap
        made = _find_made(profile, writing)
        if made is not None:
            return made  # the file that was written twice is an orphan for the sweep
        last = StoredObject.objects.filter(profile=profile, key=key).order_by("-number").first()
        version: StoredObject = StoredObject.objects.create(
            id=object_id,
            profile=profile,
            key=key,
            number=last.number + 1 if last else 1,
            run_id=writing.run_id,
            node_id=writing.node_id,
            data_key_id=data_key.id,
            reference=reference,
            size=len(plain),
            content_type=content.content_type,
            labels=labels.to_json(),
            commitment=digest.hex(),
            idempotency_key=writing.idempotency_key,
        )
    return version


def find_version(
    *, profile: StorageProfile, key: str, number: int | None = None
) -> StoredObject | None:
    """That version, or the newest."""
    versions = StoredObject.objects.filter(profile=profile, key=key).order_by("-number")
    if number is not None:
        versions = versions.filter(number=number)
    found: StoredObject | None = versions.first()
    return found


def read(version: StoredObject) -> Content:
    """What it says. Raises ObjectGone, StoreBroken, KeyDestroyed, SealBroken."""
    return _open(version, keys.open_data_key(version.data_key_id))


def open_for_export(version: StoredObject, column: str, key: keys.DataKeyRef) -> Any:
    """What it says, with a key that is open already: see tenancy/exports.py."""
    return _open(version, key).value


def _open(version: StoredObject, data_key: keys.DataKeyRef) -> Content:
    sealed = stores.get(version.reference)
    place = _place(version.tenant_id, version.pk)
    plain = sealing.unseal(data_key, sealed, place=place)[commitments.SALT_BYTES :]
    if version.content_type == "application/json":
        return Content(content_type=version.content_type, value=orjson.loads(plain))
    return Content(content_type=version.content_type, value=plain.decode())


def erase(ids: Collection[UUID]) -> int:
    """Remove versions with their files. Their data keys are destroyed by whoever disposes of them."""
    found = StoredObject.objects.filter(pk__in=ids)
    stores.remove(found.values_list("reference", flat=True))
    rows, _ = found.delete()
    return rows


def find_kept(references: Collection[str]) -> Collection[str]:
    """Those of these files that a version still names: for the sweep of stores."""
    kept = StoredObject.objects.filter(reference__in=references)
    return set(kept.values_list("reference", flat=True))


def _find_made(profile: StorageProfile, writing: Writing) -> StoredObject | None:
    found: StoredObject | None = StoredObject.objects.filter(
        profile=profile, idempotency_key=writing.idempotency_key
    ).first()
    return found


def _place(tenant_id: UUID, object_id: UUID) -> sealing.Place:
    return sealing.Place(tenant_id=tenant_id, table=TABLE, row=object_id, column="content")
