"""Commitments: a salted digest stands for content that may be erased.

A plain hash of a short value could be guessed.
"""

import hashlib
import hmac
import secrets

SALT_BYTES = 32


def commit(plaintext: bytes) -> tuple[bytes, bytes]:
    """(salt, digest). The digest may stay in clear; the salt is sealed beside the content and erased with it."""
    salt = secrets.token_bytes(SALT_BYTES)
    return salt, digest(salt, plaintext)


def digest(salt: bytes, plaintext: bytes) -> bytes:
    """SHA-256 over the salt and the content."""
    return hashlib.sha256(salt + plaintext).digest()


def holds(salt: bytes, plaintext: bytes, commitment: bytes) -> bool:
    """Is this the content that was committed to?"""
    return hmac.compare_digest(digest(salt, plaintext), commitment)
