"""The root key: 32 bytes from outside, never stored here. It wraps the tenants' keys and nothing else."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.checks import CheckMessage, Error

from tenancy.errors import RootKeyInvalid, RootKeyMissing, RootKeyUnknown
from tenancy.sealing import Key


@dataclass(frozen=True, slots=True)
class RootKeys:
    """The key that wraps, and those that may still be needed to open what was wrapped before."""

    current: Key
    others: tuple[Key, ...] = ()

    def __iter__(self) -> Iterator[Key]:
        return iter((self.current, *self.others))

    def get(self, key_id: UUID) -> Key:
        """Raises RootKeyUnknown."""
        for key in self:
            if key.id == key_id:
                return key
        raise RootKeyUnknown(
            f"A tenant's key is wrapped with root key {key_id}, which is neither GROVE_ROOT_KEY "
            "nor in GROVE_ROOT_KEYS_OLD."
        )


def root_keys() -> RootKeys:
    """GROVE_ROOT_KEY and GROVE_ROOT_KEYS_OLD, as the settings read them. Raises RootKeyMissing, RootKeyInvalid."""
    if not settings.ROOT_KEY:
        raise RootKeyMissing
    return RootKeys(parse(settings.ROOT_KEY), tuple(map(parse, settings.ROOT_KEYS_OLD)))


@lru_cache(maxsize=8)  # every key that is opened asks for it
def parse(text: str) -> Key:
    """A root key from its base64 form. Its id is derived from it, so that both are always the same pair."""
    try:
        secret = base64.b64decode(text.strip(), altchars=b"-_" if set(text) & set("-_") else None)
    except (binascii.Error, ValueError):
        raise RootKeyInvalid from None
    if len(secret) != 32:
        raise RootKeyInvalid
    derived = hmac.digest(secret, b"grove root key id", hashlib.sha256)
    return Key(id=UUID(bytes=derived[:16]), secret=secret)


def check_root_keys(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A root key that is set must be one. That one is set at all is asked where it is needed."""
    try:
        for text in (settings.ROOT_KEY, *settings.ROOT_KEYS_OLD):
            if text:
                parse(text)
    except RootKeyInvalid as error:
        return [Error(error.sentence, hint="See docs/keys.md.", id="grove.E010")]
    return []
