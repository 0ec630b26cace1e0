"""Signed checkpoints of a log: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519. Pure: no database, no clock.

https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tenancy.errors import CheckpointInvalid

ED25519 = b"\x01"  # the signature type of signed notes
DASH = "\u2014"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Under `root` there are exactly the first `size` leaves of the log named `origin`."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A name and a public key: what somebody needs to check a signed note."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, signature type, public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:4]

    def __str__(self) -> str:
        """The verifier key in the form that public tools read: name+key id+key."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(ED25519 + self.public_key)}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        parts = text.strip().split("+", 2)
        decoded = _decode(parts[2]) if len(parts) == 3 else b""
        if len(decoded) != 33 or decoded[:1] != ED25519:
            raise CheckpointInvalid("This is not an Ed25519 verifier key: name+key id+key.")
        verifier = cls(parts[0], decoded[1:])
        if verifier.key_id.hex() != parts[1]:
            raise CheckpointInvalid("The key id of this verifier key does not belong to its key.")
        return verifier


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The signed note: the checkpoint's three lines, an empty line, one signature line."""
    verifier = Verifier(checkpoint.origin, key.public_key().public_bytes_raw())
    signature = _encode(verifier.key_id + key.sign(checkpoint.body().encode()))
    return f"{checkpoint.body()}\n{DASH} {checkpoint.origin} {signature}\n"


def read(note: str) -> Checkpoint:
    """What a note says, whoever signed it. Raises CheckpointInvalid."""
    body, separator, _ = note.partition("\n\n")
    lines = body.split("\n")
    if (
        not separator
        or len(lines) < 3
        or not lines[1].isdecimal()
        or str(int(lines[1])) != lines[1]
    ):
        raise CheckpointInvalid("This is not a checkpoint: origin, size and root, a line each.")
    root = _decode(lines[2])
    if len(root) != 32:
        raise CheckpointInvalid("The root of this checkpoint is not a SHA-256 hash.")
    return Checkpoint(lines[0], int(lines[1]), root)


def verify(note: str, verifier: Verifier) -> Checkpoint:
    """What the note says, if this key signed it. Raises CheckpointInvalid."""
    checkpoint = read(note)
    if checkpoint.origin != verifier.name:
        raise CheckpointInvalid(
            f"The checkpoint is of {checkpoint.origin}, the key is of {verifier.name}."
        )
    body, _, signatures = note.partition("\n\n")
    public_key = Ed25519PublicKey.from_public_bytes(verifier.public_key)
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        signature = _decode(encoded)
        if dash != DASH or name != verifier.name or signature[:4] != verifier.key_id:
            continue
        try:
            public_key.verify(signature[4:], body.encode() + b"\n")
        except InvalidSignature:
            raise CheckpointInvalid("The signature of this checkpoint is wrong.") from None
        return checkpoint
    raise CheckpointInvalid(f"Key {verifier.key_id.hex()} did not sign this checkpoint.")


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
