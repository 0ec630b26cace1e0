"""Statements that can be checked without Grove: in-toto Statements in DSSE envelopes, signed with the tenant's key.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and https://github.com/secure-systems-lab/dsse
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tenancy.checkpoints import Verifier
from tenancy.context import current_tenant
from tenancy.errors import StatementInvalid
from tenancy.sequencer import get_signing_key

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PAYLOAD: Final = "application/vnd.in-toto+json"


def sign(
    *, subjects: Mapping[str, str], predicate_type: str, predicate: Mapping[str, Any]
) -> dict[str, Any]:
    """An envelope that says this of files, each by its name and SHA-256 (hex). `keyid` is the log's verifier key."""
    statement = {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": sha256}} for name, sha256 in subjects.items()
        ],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    payload = orjson.dumps(statement, option=orjson.OPT_SORT_KEYS)
    row, key = get_signing_key(current_tenant())
    verifier = Verifier(row.name, bytes(row.public_key))
    return {
        "payload": encode(payload),
        "payloadType": PAYLOAD,
        "signatures": [{"keyid": str(verifier), "sig": encode(key.sign(to_be_signed(payload)))}],
    }


def read(envelope: Mapping[str, Any], verifier: Verifier) -> dict[str, Any]:
    """The statement, if this key signed it. Raises StatementInvalid."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(each["sig"]) for each in envelope["signatures"]]
        kind = envelope["payloadType"]
    except (KeyError, TypeError, ValueError) as error:
        raise StatementInvalid("This is not a DSSE envelope.") from error
    if kind != PAYLOAD:
        raise StatementInvalid("This envelope does not hold an in-toto statement.")
    key = Ed25519PublicKey.from_public_bytes(verifier.public_key)
    for signature in signatures:
        try:
            key.verify(signature, to_be_signed(payload))
        except InvalidSignature:
            continue
        statement: dict[str, Any] = orjson.loads(payload)
        return statement
    raise StatementInvalid


def to_be_signed(payload: bytes) -> bytes:
    """The pre-authentication encoding of DSSE 1.0: what the signature is of."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sha256(content: bytes) -> str:
    """In hex, as a subject's digest is written."""
    return hashlib.sha256(content).hexdigest()


def encode(raw: bytes) -> str:
    """As payloads and signatures are written."""
    return base64.b64encode(raw).decode()
