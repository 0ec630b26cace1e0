"""A caller's own key for a provider: used for one run, held in memory only, and never written anywhere.

The web process that was given it keeps it for a limited time. The worker that needs it makes a pair of keys for the
occasion (X25519, RFC 7748) and asks all web processes through PostgreSQL's NOTIFY; the one that has it answers with
the key sealed to that pair (HKDF, RFC 5869; AES-256-GCM). The derivation also takes a key of the tenant's: who can
only listen on the database learns nothing, and who can only speak there is told nothing that it can open.
"""

import base64
import binascii
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection

from runs.errors import CallerKeyGone, CallerKeyInvalid
from tenancy import keys
from tenancy.secret_store import SecretValue
from workflows.models import Provider

HEADER: Final = "Grove-Provider-Key"
ASKS: Final = "grove_caller_keys"
ANSWERS: Final = "grove_caller_key_"  # and the id of the question
AUTH: Final = "caller_key"
LONGEST: Final = 4000  # a notification has 8,000 bytes at most
MOST: Final = 16
ANSWER_SECONDS: Final = 5.0
ASK_AGAIN_SECONDS: Final = 0.5
NONCE_BYTES: Final = 12
_NAMED: Final = re.compile(r"(?:^|,)\s*(?P<provider>[a-z][a-z0-9_-]{0,62})=")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """The keys of one run in the web process that was given them."""

    by_provider: Mapping[str, str] = field(repr=False)
    shared: bytes = field(repr=False)
    until: float


_held: dict[UUID, Held] = {}
_found: dict[tuple[UUID, str], tuple[SecretValue, float]] = {}
_change = threading.Lock()
_asking: dict[UUID, threading.Lock] = {}
_keeper: tuple[int, threading.Thread] | None = None  # process, and its thread that answers


# -- the web process ------------------------------------------------------------------------------------------------


def read_header(text: str) -> dict[str, str]:
    """The keys by provider, from `provider=key`, repeated headers joined by commas. Raises CallerKeyInvalid."""
    found = list(_NAMED.finditer(text))
    if not text.strip():
        return {}
    if not found or found[0].start() != 0 or len(found) > MOST:
        raise CallerKeyInvalid
    ends = [*(match.start() for match in found[1:]), len(text)]
    given: dict[str, str] = {}
    for match, end in zip(found, ends, strict=True):
        key = text[match.end() : end].strip()
        if not key or len(key) > LONGEST or not (key.isascii() and key.isprintable()):
            raise CallerKeyInvalid
        if match["provider"] in given:
            raise CallerKeyInvalid(f"{HEADER} names the provider “{match['provider']}” twice.")
        given[match["provider"]] = key
    takers = set(Provider.objects.filter(auth=AUTH).values_list("name", flat=True))
    if unknown := sorted(set(given) - takers):
        raise CallerKeyInvalid(
            f"There is no provider “{unknown[0]}” that is called with the caller's own key."
        )
    return given


def keep(run_id: UUID, given: Mapping[str, str]) -> None:
    """Hold these for a run of the current tenant, in this process only, for GROVE_CALLER_KEY_SECONDS."""
    if not given:
        return
    shared = keys.derived_key("caller keys").secret
    until = time.monotonic() + settings.CALLER_KEY_SECONDS
    with _change:
        _held[run_id] = Held(dict(given), shared, until)
        _start_keeper()


def _start_keeper() -> None:
    """A forked process has the table of its parent, and not its thread."""
    global _keeper  # noqa: PLW0603 - one thread for a process
    if _keeper is None or _keeper[0] != os.getpid() or not _keeper[1].is_alive():
        thread = threading.Thread(target=_answer_all, name="caller keys", daemon=True)
        _keeper = (os.getpid(), thread)
        thread.start()


def _answer_all() -> None:
    """Answer questions until nothing is held any more."""
    while _is_anything_held():
        try:
            with _connected() as listening:
                listening.execute(f"LISTEN {ASKS}")
                while _is_anything_held():
                    # All of them first: the connection is locked while they are read.
                    for notice in list(listening.notifies(timeout=1.0, stop_after=1)):
                        _answer(listening, notice.payload)
        except (psycopg.Error, OSError):
            logger.warning("The connection that hands out callers' keys broke; trying again")
            time.sleep(ASK_AGAIN_SECONDS)


def _is_anything_held() -> bool:
    global _keeper  # noqa: PLW0603
    with _change:
        for run_id in [run for run, held in _held.items() if held.until < time.monotonic()]:
            del _held[run_id]
        if not _held:
            _keeper = None  # before the lock is let go: the next key starts another thread
        return bool(_held)


def _answer(listening: psycopg.Connection[Any], payload: str) -> None:
    try:
        asked = orjson.loads(payload)
        run_id = UUID(str(asked["run"]))
        if asked.get("forget"):
            with _change:
                _held.pop(run_id, None)
            return
        held = _held.get(run_id)
        key = held.by_provider.get(asked["provider"]) if held else None
        if held is None or key is None or held.until < time.monotonic():
            return
        ask, theirs = UUID(str(asked["ask"])), _decoded(asked["key"])
        answer = _seal(key, held.shared, theirs, _context(run_id, asked["provider"], ask))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return  # not one of ours
    listening.execute("SELECT pg_notify(%s, %s)", (ANSWERS + ask.hex, answer))


# -- the worker -----------------------------------------------------------------------------------------------------


def find(run_id: UUID, provider: str) -> SecretValue:
    """The key that whoever started this run gave for this provider. `run_id` is that of the root run.

    Held in this process until `forget`, or for GROVE_CALLER_KEY_SECONDS. Raises CallerKeyGone.
    """
    with _change:
        asking = _asking.setdefault(run_id, threading.Lock())
    if not connection.in_atomic_block:
        connection.close()  # none is held while nobody answers
    with asking:  # of many nodes at once one asks
        known = _found.get((run_id, provider))
        if known is not None and known[1] > time.monotonic():
            return known[0]
        shared = keys.derived_key("caller keys").secret
        if not connection.in_atomic_block:
            connection.close()
        value = SecretValue(f"of the caller for {provider}", _ask(run_id, provider, shared))
        _found[(run_id, provider)] = (value, time.monotonic() + settings.CALLER_KEY_SECONDS)
        return value


def forget(run_id: UUID) -> None:
    """The run has ended: drop its keys here and wherever they are held. Costs nothing for a run without any."""
    with _change:
        used = [known for known in _found if known[0] == run_id]
        _asking.pop(run_id, None)
        for known in used:
            del _found[known]
        held = _held.pop(run_id, None)
    if used or held:
        payload = orjson.dumps({"run": str(run_id), "forget": True}).decode()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [ASKS, payload])


def _ask(run_id: UUID, provider: str, shared: bytes) -> str:
    """Ask until somebody answers: the process that was given the key may not be listening yet."""
    ask, ours = UUID(bytes=secrets.token_bytes(16)), X25519PrivateKey.generate()
    question = {
        "run": str(run_id),
        "provider": provider,
        "ask": str(ask),
        "key": _encoded(ours.public_key().public_bytes_raw()),
    }
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        with _connected() as listening:
            listening.execute(f"LISTEN {ANSWERS}{ask.hex}")
            while time.monotonic() < deadline:
                listening.execute(
                    "SELECT pg_notify(%s, %s)", (ASKS, orjson.dumps(question).decode())
                )
                for notice in listening.notifies(timeout=ASK_AGAIN_SECONDS, stop_after=1):
                    key = _open(notice.payload, shared, ours, _context(run_id, provider, ask))
                    if key is not None:
                        return key
    except (psycopg.Error, OSError) as error:
        raise CallerKeyGone(
            f"The caller's key for “{provider}” could not be asked for: the database broke the connection. "
            "Resume the run."
        ) from error
    raise CallerKeyGone(
        f"The key that the caller gave for “{provider}” is not held any more: the web process that had it has "
        "stopped, or its time is over. Give it again with the resume of this run."
    )


# -- what goes over the wire ----------------------------------------------------------------------------------------


def _seal(key: str, shared: bytes, theirs: bytes, context: bytes) -> str:
    ours = X25519PrivateKey.generate()
    secret = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_derive(secret, shared, context)).encrypt(nonce, key.encode(), context)
    answer = {
        "key": _encoded(ours.public_key().public_bytes_raw()),
        "sealed": _encoded(nonce + sealed),
    }
    return orjson.dumps(answer).decode()


def _open(payload: str, shared: bytes, ours: X25519PrivateKey, context: bytes) -> str | None:
    """None for what was not sealed for us: somebody else spoke there."""
    try:
        answer = orjson.loads(payload)
        theirs = X25519PublicKey.from_public_bytes(_decoded(answer["key"]))
        sealed = _decoded(answer["sealed"])
        cipher = AESGCM(_derive(ours.exchange(theirs), shared, context))
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context).decode()
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, InvalidTag):
        return None


def _derive(secret: bytes, shared: bytes, context: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=shared, info=context).derive(secret)


def _context(run_id: UUID, provider: str, ask: UUID) -> bytes:
    return b"grove caller key" + run_id.bytes + ask.bytes + provider.encode()


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error


@contextmanager
def _connected() -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own: what listens can be neither pooled nor shared."""
    database = connection.settings_dict
    with psycopg.connect(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"],
        autocommit=True,
        connect_timeout=5,
        application_name="grove caller keys",
    ) as listening:
        yield listening
