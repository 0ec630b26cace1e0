"""A tenant's whole record in one file: a zip of NDJSON, one file per table, and a manifest with counts and digests.

The tables are found from the models, so a new one is in it by itself. Secrets, keys and passwords never are.
"""

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any
from uuid import UUID

import rfc8785
from django.apps import apps
from django.db import connection, transaction
from django.db.models import BinaryField, Field, Model, QuerySet
from django.utils.timezone import now
from psycopg import IsolationLevel

from tenancy import keys, ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import GroveError, SealBroken
from tenancy.events import EventType
from tenancy.keys import DataKeyRef
from tenancy.models import Membership, User
from tenancy.sealing import key_id_of

FORM = 1
BATCH = 500
MANIFEST = "manifest.json"
WITHHELD = frozenset(
    {
        "tenancy.ApiToken.secret_digest",
        "tenancy.DataKey.wrapped",
        "tenancy.OwnerKey.wrapped",
        "tenancy.SecretBackend.credential_sealed",
        "tenancy.SecretVersion.sealed",
        "tenancy.SigningKey.private_sealed",
        "tenancy.TenantKey.wrapped",
    }
)
OF_A_PERSON = ("id", "email", "name")

Opener = Callable[[Any, str, DataKeyRef], Any]  # row, column, key -> what was sealed, as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where sealed values lie that are too large for a row: a column holds a reference in their place."""

    find_reference: Callable[[Any], str | None]
    key_id_of: Callable[[str], UUID]
    fetch: Callable[[str], bytes]


_openers: dict[str, Opener] = {}
_references: dict[str, frozenset[str]] = {}
_stores: list[Store] = []


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a bundle, as its manifest tells of it."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was written: its files, and the SHA-256 of the manifest that names their own."""

    files: tuple[FileFacts, ...]
    manifest_sha256: str

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


def register_opener(label: str, opener: Opener, *, references: Collection[str] = ()) -> None:
    """Say how the sealed columns of a model are opened, and which others hold references to what is sealed.

    The floors above do so in their apps.py.
    """
    _openers[label] = opener
    _references[label] = frozenset(references)


def register_store(store: Store) -> None:
    """Say how what columns refer to is found. Registered once, by the floor that keeps it."""
    _stores[:] = [store]


def tables() -> list[type[Model]]:
    """Every model with rows of tenants, on whichever floor and in whichever database, by its label."""
    owned = (
        model
        for model in apps.get_models()
        if not model._meta.proxy
        and any(field.attname == "tenant_id" for field in model._meta.concrete_fields)
    )
    return sorted(owned, key=lambda model: model._meta.label)


def rows_of(model: type[Model]) -> QuerySet[Any]:
    """The current tenant's rows. Named once more here: two tables are read before a tenant is known."""
    return model._default_manager.filter(tenant_id=current_tenant().pk)


def write(*, file: IO[bytes], with_content: bool, by: Actor) -> Bundle:
    """Write the current tenant's bundle, as all tables were at one moment, and record it in the tenant's ledger.

    With content, what is sealed is opened where its key still lives; without, it is written as it is stored.
    Entries of the ledger made from then on, this one's too, are not in it.
    """
    tenant = current_tenant()
    with _one_moment(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        files = [_write_people(archive)]
        files += [_write_table(archive, model, with_content=with_content) for model in tables()]
        manifest = rfc8785.dumps(
            {
                "grove_export": FORM,
                "tenant": {"id": str(tenant.pk), "slug": tenant.slug, "name": tenant.name},
                "made_at": ledger.to_timestamp(now()),
                "content": "opened" if with_content else "sealed",
                "withheld": sorted(WITHHELD),
                "files": [_to_json(facts) for facts in files],
            }
        )
        _write_file(archive, MANIFEST, [manifest])
        bundle = Bundle(files=tuple(files), manifest_sha256=hashlib.sha256(manifest).hexdigest())
        ledger.append(
            EventType.TENANT_EXPORTED,
            subject=tenant,
            by=by,
            content="opened" if with_content else "sealed",
            rows=bundle.rows,
            manifest_sha256=bundle.manifest_sha256,
        )
    return bundle


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction in which every query sees the same state (REPEATABLE READ), unless one is open already.

    The level goes with BEGIN: the connection tells its tenant before anything else could be said.
    """
    connection.ensure_connection()
    raw: Any = connection.connection
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    before, raw.isolation_level = raw.isolation_level, IsolationLevel.REPEATABLE_READ
    try:
        with transaction.atomic():
            yield
    finally:
        if not raw.closed:
            raw.isolation_level = before


def _write_people(archive: zipfile.ZipFile) -> FileFacts:
    """Accounts belong to no tenant: of those with a membership here, what a member list shows."""
    people = User.objects.filter(pk__in=Membership.objects.values("user_id"))
    lines = (
        _line({name: to_plain(getattr(person, name)) for name in OF_A_PERSON})
        for batch in _batches(people)
        for person in batch
    )
    return _write_file(archive, "people.ndjson", lines)


def _write_table(archive: zipfile.ZipFile, model: type[Model], *, with_content: bool) -> FileFacts:
    lines = (
        line
        for batch in _batches(rows_of(model))
        for line in _lines(model, batch, with_content=with_content)
    )
    return _write_file(archive, f"tables/{model._meta.db_table}.ndjson", lines)


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """A few hundred rows at a time, in the order of their ids: no table is ever in memory."""
    rows = rows.order_by("pk")
    batch = list(rows[:BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])


def _lines(model: type[Model], batch: list[Any], *, with_content: bool) -> Iterator[bytes]:
    label = model._meta.label
    columns = [
        field for field in model._meta.concrete_fields if f"{label}.{field.name}" not in WITHHELD
    ]
    referring = _references.get(label, frozenset())
    sealed = [field for field in columns if is_sealed(field) or field.name in referring]
    opener = _openers.get(label) if with_content else None
    opened = _open_keys(batch, sealed) if opener else {}
    for row in batch:
        values = {
            field.attname: to_plain(field.value_from_object(row))
            for field in columns
            if field not in sealed
        }
        for field in sealed:
            values[field.attname] = _sealed_to_plain(row, field.attname, opener, opened)
        yield _line(values)


def is_sealed(field: "Field[Any, Any]") -> bool:
    return isinstance(field, BinaryField) and field.name.endswith("sealed")


def _open_keys(batch: list[Any], sealed: "list[Field[Any, Any]]") -> Mapping[UUID, DataKeyRef]:
    values = [field.value_from_object(row) for row in batch for field in sealed]
    return keys.open_data_keys({_key_id_of(value) for value in values if value is not None})


def _key_id_of(value: Any) -> UUID:
    reference = _find_reference(value)
    return key_id_of(value) if reference is None else _stores[0].key_id_of(reference)


def _find_reference(value: Any) -> str | None:
    return _stores[0].find_reference(value) if _stores else None


def _sealed_to_plain(
    row: Any, column: str, opener: Opener | None, opened: Mapping[UUID, DataKeyRef]
) -> Any:
    """{"opened": …}, or {"sealed": base64, "because": …} with the reason why not; null after a disposal."""
    value = getattr(row, column)
    if value is None:
        return None
    because = "kept_sealed"
    if opener is not None:
        key = opened.get(_key_id_of(value))
        because = "key_destroyed"
        if key is not None:
            try:
                return {"opened": opener(row, column, key)}
            except SealBroken:
                because = "seal_broken"
            except GroveError as error:
                because = error.code
    return {"sealed": _sealed_bytes(value), "because": because}


def _sealed_bytes(value: Any) -> Any:
    """As base64; what lies in the store is brought along, and null where it is there no more."""
    reference = _find_reference(value)
    if reference is None:
        return to_plain(value)
    try:
        return to_plain(_stores[0].fetch(reference))
    except GroveError:
        return None


def to_plain(value: Any) -> Any:
    """A column as JSON holds it: bytes as base64, times in UTC, decimals as text."""
    match value:
        case bytes() | memoryview():
            return base64.b64encode(value).decode()
        case datetime():
            return ledger.to_timestamp(value)
        case UUID() | date() | Decimal():
            return str(value)
        case _:
            return value


def _line(values: Mapping[str, Any]) -> bytes:
    """One way to write a row only: names in order, no spaces, UTF-8."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


def _write_file(archive: zipfile.ZipFile, name: str, lines: Iterable[bytes]) -> FileFacts:
    entry = zipfile.ZipInfo(name)  # always of 1980: when it was made is in the manifest
    entry.compress_type = zipfile.ZIP_DEFLATED
    digest, rows, size = hashlib.sha256(), 0, 0
    with archive.open(entry, "w", force_zip64=True) as out:
        for line in lines:
            out.write(line)
            digest.update(line)
            rows, size = rows + 1, size + len(line)
    return FileFacts(name=name, rows=rows, bytes=size, sha256=digest.hexdigest())


def _to_json(facts: FileFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "rows": facts.rows,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
    }
