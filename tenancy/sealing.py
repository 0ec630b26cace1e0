"""Sealing: AES-256-GCM for one place and one place only. What is moved to another row or tenant does not open.

Sealed bytes: version (1), key id (16), nonce (12), ciphertext with tag. Version 1 is as given, version 2 is compressed.
"""

import secrets
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenancy.errors import SealBroken

PLAIN, COMPRESSED = 1, 2
HEADER_BYTES, NONCE_BYTES = 17, 12
COMPRESS_ABOVE = 200


@dataclass(frozen=True, slots=True)
class Key:
    """A key of 32 bytes and its id. Its repr does not show it."""

    id: UUID
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sealed value belongs. It opens nowhere else."""

    tenant_id: UUID
    table: str
    row: UUID | str
    column: str


def seal(key: Key, plaintext: bytes, *, place: Place) -> bytes:
    """Encrypt with a fresh nonce. Long texts are compressed first."""
    version = PLAIN
    if len(plaintext) > COMPRESS_ABOVE:
        compressed = zlib.compress(plaintext, level=1)
        if len(compressed) < len(plaintext):
            version, plaintext = COMPRESSED, compressed
    header = bytes([version]) + key.id.bytes
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(key.secret).encrypt(nonce, plaintext, associated_data(header, place))
    return header + nonce + sealed


def unseal(key: Key, sealed: bytes | memoryview, *, place: Place) -> bytes:
    """The plaintext. Raises SealBroken when a byte, the key or the place is another."""
    sealed = bytes(sealed)
    header, body = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    if key_id_of(sealed) != key.id:
        raise SealBroken("This value is sealed with another key.")
    try:
        plaintext = AESGCM(key.secret).decrypt(
            body[:NONCE_BYTES], body[NONCE_BYTES:], associated_data(header, place)
        )
    except InvalidTag:
        raise SealBroken from None
    return zlib.decompress(plaintext) if header[0] == COMPRESSED else plaintext


def key_id_of(sealed: bytes | memoryview) -> UUID:
    """The id of the key that a value is sealed with. Raises SealBroken for what is not sealed."""
    sealed = bytes(sealed)
    if len(sealed) < HEADER_BYTES + NONCE_BYTES + 16 or sealed[0] not in (PLAIN, COMPRESSED):
        raise SealBroken("This is not a sealed value.")
    return UUID(bytes=sealed[1:HEADER_BYTES])


def seal_json(key: Key, value: Any, *, place: Place) -> bytes:
    return seal(key, orjson.dumps(value), place=place)


def unseal_json(key: Key, sealed: bytes | memoryview, *, place: Place) -> Any:
    return orjson.loads(unseal(key, sealed, place=place))


def associated_data(header: bytes, place: Place) -> bytes:
    """What the tag covers besides the text. Each part is preceded by its length, so that no two places are the same."""
    before, after = _around_row(header, place.tenant_id, place.table, place.column)
    return before + _measured(_written(place.row)) + after


def _written(row: UUID | str) -> bytes:
    """As `str` writes it, which takes several times as long for a UUID."""
    return orjson.dumps(row)[1:-1] if isinstance(row, UUID) else str(row).encode()


@lru_cache(maxsize=1024)
def _around_row(header: bytes, tenant_id: UUID, table: str, column: str) -> tuple[bytes, bytes]:
    """Of rows that are neighbours only the row's id differs."""
    before = (b"grove", header, tenant_id.bytes, table.encode())
    return b"".join(map(_measured, before)), _measured(column.encode())


def _measured(part: bytes) -> bytes:
    return len(part).to_bytes(4) + part
