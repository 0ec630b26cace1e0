"""Who is trusted when a connection is encrypted, and who we say we are. Contexts are dear (20 ms) and shared."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import certifi

from workflows.providers.errors import FailureKind, ProviderError

CONTEXTS = 128  # kept in a process; beyond it the one that was not used for longest goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """`authorities`: our own, in PEM, in place of the public ones. `identity`: certificate and private key, in PEM."""

    authorities: str = ""
    identity: str = field(default="", repr=False)


PUBLIC = Tls()


@lru_cache(maxsize=CONTEXTS)
def context_for(tls: Tls) -> ssl.SSLContext:
    """Certificates and host names are always checked. Raises ProviderError where the PEM cannot be used."""
    try:
        if tls.authorities:
            context = ssl.create_default_context(cadata=tls.authorities)
        else:
            context = ssl.create_default_context(cafile=certifi.where())
        if tls.identity:
            with _in_memory(tls.identity) as path:
                # Without this an encrypted key would ask for its password on the terminal.
                context.load_cert_chain(path, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ProviderError(FailureKind.AUTH, _sentence(error)) from error
    return context


@lru_cache(maxsize=1)
def context_for_plain_http() -> ssl.SSLContext:
    """Trusts nobody and loads nothing: where nothing is encrypted it is never used, and elsewhere it refuses."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """A path for OpenSSL, which reads keys from files only; nothing is written to a disk where memory has files."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.NamedTemporaryFile("w") as stream:
            stream.write(text)
            stream.flush()
            yield stream.name


def _sentence(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and "KEY_VALUES_MISMATCH" in str(error):
        return "The client certificate and its private key do not belong together."
    return (
        "The client certificate, its private key or our own authorities cannot be read: "
        "they must be PEM, and the key without a password."
    )
