"""Check that a ledger entry is under a signed checkpoint. Needs Python and nothing else; see docs/ledger.md.

    python3 verify_entry.py proof.json

proof.json is the answer of /api/v1/ledger/entries/<id>/proof. The signature of the checkpoint is checked beside this,
with openssl or any tool that reads signed notes.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path


def main() -> str:
    """Each step stops with a sentence, or the next one begins."""
    proof = json.loads(Path(sys.argv[1]).read_text())
    canonical = base64.b64decode(proof["canonical"])
    leaf = hashlib.sha256(b"\x00" + canonical).digest()
    if leaf != base64.b64decode(proof["leaf_hash"]):
        return "The leaf's hash is not that of the entry."
    _, size, root = proof["note"].split("\n")[:3]
    path = [base64.b64decode(each) for each in proof["path"]]
    if root_of(leaf, proof["leaf_index"], int(size), path) != base64.b64decode(root):
        return "The path does not lead to the checkpoint's root."
    print(f"Leaf {proof['leaf_index']} of {size}: {canonical.decode()}")  # noqa: T201
    return ""


def root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162, 2.1.3.2."""
    last, hash_ = size - 1, leaf
    for sibling in path:
        if index & 1 or index == last:
            hash_ = hashlib.sha256(b"\x01" + sibling + hash_).digest()
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            hash_ = hashlib.sha256(b"\x01" + hash_ + sibling).digest()
        index, last = index >> 1, last >> 1
    return hash_ if last == 0 else b""


if __name__ == "__main__":
    sys.exit(main() or 0)
