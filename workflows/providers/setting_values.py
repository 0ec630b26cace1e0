"""What may stand in a setting of a provider: each check gives the end of a sentence, or nothing when all is well."""

import re
import ssl
from urllib.parse import urlsplit

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,199}")
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


def word(value: str) -> str:
    return "" if WORD.fullmatch(value) else "may hold letters, digits and . _ : @ / - only"


def address(value: str) -> str:
    """An address that calls can be made to: of HTTP, with a host, without anything that belongs into a secret."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return "cannot be read: check its host and port"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must begin with http:// or https:// and name a host"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "may hold neither a password nor a query: use a secret"
    if not HOST.fullmatch(parts.hostname) or port == 0 or not value.isprintable() or " " in value:
        return "cannot be read: check its host and port"
    return ""


def secret_address(value: str) -> str:
    """An address that a secret is sent to: encrypted, unless it stays on this machine."""
    if fault := address(value):
        return fault
    parts = urlsplit(value)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not local:
        return "must begin with https://: a secret is sent there"
    return ""


def scope(value: str) -> str:
    return "" if value.isascii() and value.isprintable() else "must be printable ASCII"


def header(value: str) -> str:
    return "" if HEADER.fullmatch(value) else "must be the name of a header, such as X-Api-Key"


def region(value: str) -> str:
    return "" if REGION.fullmatch(value) else "must be a region of AWS, such as eu-central-1"


def authorities(value: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
    except (ssl.SSLError, ValueError):
        return "must be certificates in PEM, such as -----BEGIN CERTIFICATE-----"
    return ""
