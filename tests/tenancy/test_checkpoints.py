"""Signed notes as C2SP writes them."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenancy.checkpoints import Checkpoint, Verifier, read, sign, verify
from tenancy.errors import CheckpointInvalid

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CHECKPOINT = Checkpoint("grove/t1/ledger", 3, hashlib.sha256(b"root").digest())
VERIFIER = Verifier("grove/t1/ledger", KEY.public_key().public_bytes_raw())


def test_a_note_has_the_form_of_c2sp():
    body, signature = sign(CHECKPOINT, KEY).split("\n\n")

    assert body.split("\n") == ["grove/t1/ledger", "3", base64.b64encode(CHECKPOINT.root).decode()]
    dash, name, encoded = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("\u2014", "grove/t1/ledger")
    raw = base64.b64decode(encoded)
    assert raw[:4] == VERIFIER.key_id
    KEY.public_key().verify(raw[4:], body.encode() + b"\n")


def test_the_example_key_of_the_go_implementation_is_read():
    """From the documentation of golang.org/x/mod/sumdb/note: name, key id and key belong together."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

    assert str(Verifier.parse(text)) == text


def test_a_note_verifies():
    assert verify(sign(CHECKPOINT, KEY), VERIFIER) == CHECKPOINT


def test_a_note_with_a_second_signature_verifies():
    note = sign(CHECKPOINT, KEY)
    witness = "\u2014 witness.example " + base64.b64encode(b"abcd" + bytes(64)).decode() + "\n"

    assert verify(note + witness, VERIFIER) == CHECKPOINT


def test_a_verifier_key_is_read_back():
    assert Verifier.parse(str(VERIFIER)) == VERIFIER


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n3\n", "\n2\n"),  # another size
        lambda note: note.replace("\n3\n", "\n03\n"),  # not canonical
        lambda note: note.replace("grove/t1", "grove/t2"),  # another log
        lambda note: note.replace("\n\n", "\nextra\n\n"),  # a line more
        lambda note: note.split("\n\n")[0] + "\n\n",  # no signature
        lambda note: note[:-6] + "AAAA=\n",  # another signature
        lambda note: "nothing",
        lambda note: note[:-10] + "\u00e9=\n",  # a signature that is no base64
        lambda note: note.replace("\n3\n", "\n3\nAAAA"),  # root is no hash
    ],
)
def test_a_changed_note_is_refused(change):
    with pytest.raises(CheckpointInvalid):
        verify(change(sign(CHECKPOINT, KEY)), VERIFIER)


def test_another_keys_note_is_refused():
    other = Ed25519PrivateKey.generate()

    with pytest.raises(CheckpointInvalid):
        verify(sign(CHECKPOINT, other), VERIFIER)
    assert read(sign(CHECKPOINT, other)) == CHECKPOINT


@pytest.mark.parametrize(
    "text", ["", "a+b", "name+00000000+AAAA", str(VERIFIER).replace("+", "+0", 1)]
)
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(CheckpointInvalid):
        Verifier.parse(text)
